// GET /ui/...: the dashboard. Like every read it needs no password, and anybody who reaches the port can see it.
#include <algorithm>
#include <charconv>

#include "api/errors.h"
#include "api/routes.h"
#include "api/ui_files.h"

namespace tamada::api {

using net::HttpResponse;

namespace {

// The page may use only this server's scripts, styles and requests, nothing inline and no frames. So a name in the
// cluster cannot become code, whatever it contains. Browsers that support Trusted Types also refuse a script that
// writes markup.
constexpr std::string_view content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_zero(std::string_view weight) {
  double value = 1;
  std::from_chars(weight.data(), weight.data() + weight.size(), value);
  return value <= 0;
}

// Whether `matches` holds for a part of a header's list, such as "gzip;q=0.5, br".
template <class Each>
bool any_of_list(std::string_view list, Each matches) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (matches(trim(list.substr(0, comma)))) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

bool takes_gzip(const std::string* accepted) {
  return accepted && any_of_list(*accepted, [](std::string_view coding) {
           const auto semicolon = coding.find(';');
           const auto weight = semicolon == coding.npos ? std::string_view() : trim(coding.substr(semicolon + 1));
           const auto word = trim(coding.substr(0, semicolon));
           return word == "gzip" && !(weight.starts_with("q=") && is_zero(weight.substr(2)));
         });
}

}  // namespace

awaitable<HttpResponse> RestApi::get_ui(Call call) {
  auto response = ui_file(call);
  auto& headers = response.headers;
  headers.emplace_back("Content-Security-Policy", content_policy);
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("X-Frame-Options", "DENY");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  headers.insert(headers.end(), options_.extra_headers.begin(), options_.extra_headers.end());
  co_return response;
}

HttpResponse RestApi::ui_file(const Call& call) const {
  if (!options_.ui) return error_page(404, "The dashboard is off (restapi.ui)");
  constexpr std::string_view folder = "/ui/";
  std::string_view name = call.target.path;
  // The target is relative, since a proxy may serve the API below a path of its own.
  if (name == "/ui") return {308, {{"Location", "ui/"}}, {}};
  if (!name.starts_with(folder)) return error_page(404);
  name.remove_prefix(folder.size());
  if (name.empty()) name = "index.html";
  const auto file = std::ranges::find(ui_files(), name, &UiFile::name);
  if (file == ui_files().end()) return error_page(404);
  const bool packed = takes_gzip(call.request.header("Accept-Encoding"));
  // The browser must ask for the files each time, because they are small and must fit the daemon that answers.
  HttpResponse response{200, {{"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding"}}, {}};
  response.headers.emplace_back("Content-Type", file->type);
  if (packed) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = packed ? file->gzip : file->plain;
  return response;
}

}  // namespace tamada::api
