#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/types.h"
#include "net/http.h"
#include "net/stream.h"

namespace tamada::net {

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // an address or a name; empty or "*": every address
  std::string port;
  std::optional<TlsServer> tls;
  int backlog = 0;  // connections that wait to be accepted; 0: as many as the kernel allows
  core::Duration header_deadline = std::chrono::seconds(5);  // TLS handshake and request header, each
  core::Duration idle_deadline = std::chrono::seconds(30);   // between keep-alive requests
  std::size_t body_bytes_max = 1 << 20;
  // With more connections than this, or than half of the file descriptors that the process may have, the one that has
  // been idle for the longest is closed.
  std::size_t connections_max = 4096;
  // Above these limits the answer is 503: requests that the handler is working on, and bytes in memory for peers that
  // have not sent their whole request or not read their whole answer.
  std::size_t requests_max = 1024;
  std::size_t kept_bytes_max = 32 << 20;
};

// Serves until destroyed. The handler may suspend; each connection is a coroutine, and none waits for another. Their
// work is done in turns, so that the loop's other work never waits long for it. When destroyed it closes every
// connection and cancels the handlers under way; these end in the loop's next turns, so what they use must last until
// then.
class HttpServer {
 public:
  using Handler = std::function<awaitable<HttpResponse>(HttpRequest)>;
  // An answer that needs no suspension, tried first: return nullptr to go on to the Handler. The string is the whole
  // response, header and body (which HEAD leaves out), ready to be written (health checks: 20,000 a second on one
  // core).
  using Fast = std::function<std::shared_ptr<const std::string>(std::string_view method, std::string_view target)>;

  HttpServer(asio::any_io_executor executor, HttpServerOptions options, Fast fast, Handler handler);
  ~HttpServer();
  core::Result<void> listen();  // binds; the error names the address, the port and the reason
  // Sets other options. They apply to new connections; open connections go on as they are. On an error the old options
  // stay in force. Certificates that are renewed in place are taken by the next connection, within a second, without
  // it.
  core::Result<void> reload(HttpServerOptions options);
  std::string certificate_trouble() const;  // see TlsFiles; empty: there is none
  int port() const;  // the port that is bound, which the kernel chose if 0 was asked for; 0 before listen()

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// A response as it goes over the wire; "Server: Tamada" unless it names another.
std::string serialize(const HttpResponse& response, bool keep_alive, bool head_only);

}  // namespace tamada::net
