#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tamada::net {

struct HttpRequest {
  std::string method;   // GET, POST ...
  std::string target;   // path and query as received: "/replica?lag=10MB"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer_address;
  const std::string* header(std::string_view name) const;  // case-insensitive; nullptr when absent
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // Content-Length is added
  std::string body;
  const std::string* header(std::string_view name) const;
};

}  // namespace tamada::net
