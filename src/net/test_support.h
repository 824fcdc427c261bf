// Helpers of tests: they run coroutines to their end on a loop, provide peers that misbehave, and make certificates.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>

#include "net/asio.h"
#include "net/disk.h"
#include "net/socket_stream.h"

// ASSERT_TRUE for coroutines, which cannot `return`. It ends the test by throwing.
#define CO_ASSERT(condition) \
  if (condition) {           \
  } else                     \
    ::tamada::net::test::Stop{} = ::testing::Message() << "not so: " #condition " "

namespace tamada::net::test {

using asio::ip::tcp;
using namespace std::chrono_literals;

struct Stop {
  void operator=(const ::testing::Message& message) const { throw std::runtime_error(message.GetString()); }
};

// Runs `body` to its end. If that takes longer than any test should, the test program ends.
inline void run(asio::io_context& io, std::function<awaitable<void>()> body) {
  bool done = false;
  std::exception_ptr thrown;
  asio::co_spawn(io, body(), [&](std::exception_ptr e) {
    done = true;
    thrown = e;
  });
  const auto until = std::chrono::steady_clock::now() + 20s;
  io.restart();
  while (!done && std::chrono::steady_clock::now() < until) io.run_one_for(1s);
  if (!done) {
    // The program ends here, because the coroutine refers to objects that the test would now destroy.
    std::fputs("the coroutine hangs\n", stderr);
    std::abort();
  }
  if (thrown) std::rethrow_exception(thrown);
}

// Waits until the threads of the disk and of lookups have put down their last work. They still use the loop to which
// they gave its result, so a test that ends the loop calls this first.
inline void finish_other_threads() {
  for (const auto& thread : {disk_thread(), disk_probe_thread(), lookup_thread()}) {
    std::promise<void> done;
    asio::post(thread, [&done] { done.set_value(); });
    done.get_future().wait();
  }
}

// A server of raw bytes that gives each connection to `peer`.
class RawServer {
 public:
  using Peer = std::function<awaitable<void>(tcp::socket&, int connection)>;
  RawServer(asio::io_context& io, Peer peer)
      : state_(std::make_shared<State>(tcp::acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
                                       std::move(peer))) {
    asio::co_spawn(io, accept(state_), asio::detached);
  }
  ~RawServer() { state_->acceptor.close(); }
  std::string port() const { return std::to_string(state_->acceptor.local_endpoint().port()); }
  std::string url() const { return "http://127.0.0.1:" + port(); }
  int connections() const { return state_->connections; }

 private:
  struct State {
    tcp::acceptor acceptor;
    Peer peer;
    int connections = 0;
  };
  static awaitable<void> accept(std::shared_ptr<State> state) {
    for (;;) {
      auto [ec, socket] = co_await state->acceptor.async_accept(asio::as_tuple(use_awaitable));
      if (ec) co_return;
      asio::co_spawn(state->acceptor.get_executor(), serve(state, std::move(socket), ++state->connections),
                     asio::detached);
    }
  }
  static awaitable<void> serve(std::shared_ptr<State> state, tcp::socket socket, int number) {
    co_await state->peer(socket, number);
  }
  std::shared_ptr<State> state_;
};

// Reads until the text contains `end` or the peer closes.
inline awaitable<std::string> read_until(tcp::socket& socket, std::string end) {
  std::string text;
  char buffer[4096];
  while (end.empty() || !text.contains(end)) {
    auto [ec, n] = co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(use_awaitable));
    if (ec) break;
    text.append(buffer, n);
  }
  co_return text;
}

inline awaitable<void> send(tcp::socket& socket, std::string text) {
  co_await asio::async_write(socket, asio::buffer(text), asio::as_tuple(use_awaitable));
}

inline awaitable<tcp::socket> raw_connection(int port) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)}, use_awaitable);
  co_return socket;
}

// A CA with certificates for a server (localhost, 127.0.0.1) and a client, and another CA that signed none of them.
class Certificates {
 public:
  Certificates() {
    auto pattern = (std::filesystem::temp_directory_path() / "tamada-net-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    authority("ca");
    authority("other");
    signed_by_ca("server", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    signed_by_ca("elsewhere", "subjectAltName=DNS:elsewhere.example");
    signed_by_ca("client", "extendedKeyUsage=clientAuth");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  std::string cert(const std::string& name) const { return folder_ + "/" + name + ".crt"; }
  std::string key(const std::string& name) const { return folder_ + "/" + name + ".key"; }
  void openssl(const std::string& arguments) const {
    auto command = "cd " + folder_ + " && openssl " + arguments + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

 private:
  static constexpr auto new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes ";
  void authority(const std::string& name) const {
    openssl("req -x509 " + std::string(new_key) + "-days 2 -subj /CN=" + name + " -keyout " + name + ".key -out " +
            name + ".crt");
  }
  void signed_by_ca(const std::string& name, const std::string& extension) const {
    openssl("req " + std::string(new_key) + "-subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".csr");
    std::ofstream(folder_ + "/" + name + ".ext") << extension << "\n";
    openssl("x509 -req -days 2 -in " + name + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile " + name +
            ".ext -out " + name + ".crt");
  }
  std::string folder_;
};

}  // namespace tamada::net::test
