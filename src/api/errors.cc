#include "api/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tamada::api {
namespace {

struct Words {
  int status;
  std::string_view phrase, explanation;
};
constexpr std::array<Words, 13> words{{
    {400, "Bad Request", "Bad request syntax or unsupported method"},
    {401, "Unauthorized", "No permission -- see authorization schemes"},
    {403, "Forbidden", "Request forbidden -- authorization will not help"},
    {404, "Not Found", "Nothing matches the given URI"},
    {409, "Conflict", "Request conflict"},
    {411, "Length Required", "Client must specify Content-Length"},
    {412, "Precondition Failed", "Precondition in headers is false"},
    {413, "Request Entity Too Large", "Entity is too large"},
    {422, "Unprocessable Entity", ""},
    {500, "Internal Server Error", "Server got itself in trouble"},
    {501, "Not Implemented", "Server does not support this operation"},
    {502, "Bad Gateway", "Invalid responses from another server/proxy"},
    {503, "Service Unavailable", "The server cannot process the request due to a high load"},
}};

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

net::HttpResponse error_page(int status, std::string_view message) {
  const auto it = std::ranges::find(words, status, &Words::status);
  const Words said = it == words.end() ? Words{status, "???", "???"} : *it;
  if (message.empty()) message = said.phrase;
  auto body = fmt::format(
      R"(<!DOCTYPE HTML>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>Error response</title>
    </head>
    <body>
        <h1>Error response</h1>
        <p>Error code: {}</p>
        <p>Message: {}.</p>
        <p>Error code explanation: {} - {}.</p>
    </body>
</html>
)",
      status, escape(message), status, said.explanation);
  return {status, {{"Content-Type", "text/html;charset=utf-8"}}, std::move(body)};
}

net::HttpResponse unsupported_method(std::string_view method) {
  return error_page(501, fmt::format("Unsupported method ('{}')", method));
}

}  // namespace tamada::api
