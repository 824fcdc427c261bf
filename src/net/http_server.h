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
  std::string address = "127.0.0.1";  // an address or a name; empty or "*" means every address
  std::string port;
  std::optional<TlsServer> tls;
  int backlog = 0;  // connections that wait to be accepted; 0: as many as the kernel allows
  core::Duration header_deadline = std::chrono::seconds(5);  // TLS handshake and request header, each
  core::Duration idle_deadline = std::chrono::seconds(30);   // between keep-alive requests
  std::size_t body_bytes_max = 1 << 20;
  // With more connections than this, or than half of the file descriptors that the process may have, the connection
  // that has been idle for the longest time is closed: among those that have had an answer, if there are any.
  std::size_t connections_max = 4096;
  // Above these limits the answer is 503. They count the requests that the handler works on, and the bytes in memory
  // for peers that have not sent their whole request or not read their whole answer.
  std::size_t requests_max = 1024;
  std::size_t kept_bytes_max = 32 << 20;
};

// Serves until it is destroyed. The handler may suspend. Each connection is a coroutine, and none waits for another.
// Their work is done in turns, so that the loop's other work never waits long for them. The destructor closes every
// connection and cancels the running handlers. They end in the loop's next turns, so what they use must exist until
// then.
class HttpServer {
 public:
  using Handler = std::function<awaitable<HttpResponse>(HttpRequest)>;
  // Gives an answer that needs no suspension; it is tried first. If it returns nullptr, the Handler is asked. The
  // string is the whole response, ready to be written: header and body, which is left out for HEAD. Health checks come
  // from here, 20,000 a second on one core.
  using Fast = std::function<std::shared_ptr<const std::string>(std::string_view method, std::string_view target)>;

  HttpServer(asio::any_io_executor executor, HttpServerOptions options, Fast fast, Handler handler);
  ~HttpServer();
  core::Result<void> listen();  // binds; the error names the address, the port and the reason
  // Sets other options. They apply to new connections; open connections go on as they are. On an error the old options
  // stay in force. Certificates that are renewed in place need no reload: the next connections use them within a
  // second.
  core::Result<void> reload(HttpServerOptions options);
  std::string certificate_trouble() const;  // see TlsFiles; empty when there is none
  int port() const;  // the bound port, which the kernel chose if 0 was asked for; 0 before listen()

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// A response as it is sent. Its header Server is "Tamada" unless the response has another one.
std::string serialize(const HttpResponse& response, bool keep_alive, bool head_only);

}  // namespace tamada::net
