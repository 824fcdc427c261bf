// Arbitrary bytes over a connection: the HTTP server has to answer or close it, and to serve the next one.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "net/http_server.h"
#include "net/log.h"

namespace {

using namespace tamada;
using asio::ip::tcp;

struct World {
  World() {
    log::set_level(log::Level::critical);
    if (!server.listen()) std::abort();
  }
  awaitable<void> send(std::string bytes) {
    tcp::socket socket(io);
    co_await socket.async_connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(server.port())},
                                  asio::as_tuple(use_awaitable));
    co_await asio::async_write(socket, asio::buffer(bytes), asio::as_tuple(use_awaitable));
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    char buffer[4096];
    for (;;) {
      const auto [error, n] = co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(use_awaitable));
      if (error) break;
    }
  }

  asio::io_context io{1};
  net::HttpServer server{io.get_executor(),
                         {.port = "0", .body_bytes_max = 4096},
                         {},
                         [](net::HttpRequest request) -> awaitable<net::HttpResponse> {
                           net::HttpResponse response{.status = 200, .body = std::move(request.body)};
                           co_return response;
                         }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  bool done = false;
  asio::co_spawn(world.io, world.send({reinterpret_cast<const char*>(data), size}),
                 [&done](std::exception_ptr) { done = true; });
  world.io.restart();
  while (!done) world.io.run_one();
  return 0;
}
