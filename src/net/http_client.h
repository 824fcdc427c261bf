#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/types.h"
#include "net/http.h"
#include "net/stream.h"

namespace tamada::net {

// A URL such as http://host:port or https://host:port, with an optional path.
struct Url {
  std::string scheme, host, port, path;
  // The name is looked up by a thread of its own: a name server that does not answer for it delays no other lookup.
  bool apart = false;
  static core::Result<Url> parse(std::string_view text);
  std::string authority() const;  // host and port, with an IPv6 address in brackets
};

// One keep-alive connection to one server, for one request after another. If the server closed the idle connection, it
// is opened again. A request is repeated once, but only when no byte of an answer had come and the request is
// `repeatable`.
class HttpClient {
 public:
  HttpClient(Url server, std::optional<TlsClient> tls);
  ~HttpClient();
  awaitable<core::Result<HttpResponse>> request(HttpRequest request, core::Duration timeout);
  // Reads a response without an end (etcd's watch) on a new connection. `connect_timeout` lasts until the response's
  // header. `chunk` is called with each piece of the body as it comes. Returns when the server ends the response, the
  // connection breaks, or the caller cancels. `idle`: the longest time without a byte; zero: no limit.
  awaitable<core::Result<void>> stream(HttpRequest request, core::Duration connect_timeout, core::Duration idle,
                                       std::function<void(std::string_view)> chunk);
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the requests under way
};

// Sends one request on a connection of its own.
awaitable<core::Result<HttpResponse>> http_once(Url server, std::optional<TlsClient> tls, HttpRequest request,
                                                core::Duration timeout);

}  // namespace tamada::net
