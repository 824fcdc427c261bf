#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/types.h"

namespace tamada::net {

class Feed;

struct HttpRequest {
  std::string method;  // GET, POST ...
  std::string target;  // path and query as received: "/replica?lag=10MB"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer_address;                 // for servers: the client's address
  bool client_certificate = false;          // for servers: the client presented a certificate, and it was verified
  bool repeatable = false;                  // for clients: the request may be sent twice; GET and HEAD always may
  std::size_t answer_bytes_max = 64 << 20;  // for clients: a longer body is an error, before it has been read
  const std::string* header(std::string_view name) const;  // case-insensitive; nullptr when absent
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // Content-Length is added
  std::string body;
  // For servers: what follows the body, see net/feed.h. Such an answer has no Content-Length, and the end of the
  // connection ends it.
  std::shared_ptr<Feed> feed{};
  const std::string* header(std::string_view name) const;
};

// Reads the form of the header Date, "Sun, 06 Nov 1994 08:49:37 GMT"; nullopt for any other form. Source: RFC 9110,
// 5.6.7.
std::optional<core::WallTime> parse_http_date(std::string_view text);

// "Service Unavailable" for 503, as Python's http.HTTPStatus has it; empty when the status is not known.
std::string_view reason(int status);

}  // namespace tamada::net
