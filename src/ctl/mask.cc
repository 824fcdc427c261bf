#include "ctl/mask.h"

#include <algorithm>
#include <regex>

namespace tamada::ctl {
namespace {

constexpr auto mask = "***";
constexpr std::size_t line_max = 8192;  // std::regex uses a stack frame for each character

bool is_secret(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* word : {"password", "passwd", "passphrase", "secret", "token", "authorization", "webhook"}) {
    if (name.contains(word)) return true;
  }
  return false;
}

std::string masked_line(const std::string& text) {
  static const std::regex assigned(
      R"re(((?:password|passwd|passphrase|secret|token)["']?\s*[=:]\s*)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,;&"']+))re",
      std::regex::icase);
  static const std::regex in_url(R"re((://[^/\s:@]*:)[^/\s@]+@)re");
  static const std::regex header(R"re((authorization:\s*\w+\s+)\S+)re", std::regex::icase);
  auto result = std::regex_replace(text, assigned, std::string("$1") + mask);
  result = std::regex_replace(result, in_url, std::string("$1") + mask + "@");
  return std::regex_replace(result, header, std::string("$1") + mask);
}

}  // namespace

std::string masked_text(const std::string& text) {
  std::string result;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto line = text.substr(begin, end - begin);
    result += line.size() <= line_max ? masked_line(line) : masked_line(line.substr(0, line_max)) + " [cut]";
    if (end < text.size()) result += '\n';
    begin = end + 1;
  }
  return result;
}

std::vector<std::string> secrets_of(const Json& value) {
  std::vector<std::string> found;
  if (!value.is_structured()) return found;
  for (const auto& [key, inner] : value.items()) {
    if (value.is_object() && is_secret(key) && inner.is_string()) found.push_back(inner.get<std::string>());
    for (auto& secret : secrets_of(inner)) found.push_back(std::move(secret));
  }
  return found;
}

Json masked(const Json& value) {
  if (value.is_string()) return masked_text(value.get<std::string>());
  if (!value.is_structured()) return value;
  Json result = value;
  for (const auto& [key, inner] : result.items()) {
    const bool hidden = value.is_object() && is_secret(key) && !inner.is_structured() && !inner.is_null();
    inner = hidden ? Json(mask) : masked(inner);
  }
  return result;
}

}  // namespace tamada::ctl
