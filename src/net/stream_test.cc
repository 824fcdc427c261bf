#include "net/stream.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <vector>

#include "net/boot_timer.h"
#include "net/socket_stream.h"
#include "net/test_support.h"

namespace tamada::net {
namespace {

using test::RawServer;
using test::read_until;
using test::tcp;
using namespace std::chrono_literals;

// A listener with a full queue. The kernel drops packets of new connections, as a dead host would.
class DeafListener {
 public:
  explicit DeafListener(asio::io_context& io) : acceptor_(io) {
    acceptor_.open(tcp::v4());
    acceptor_.bind({asio::ip::address_v4::loopback(), 0});
    acceptor_.listen(0);
    for (int i = 0; i < 4; ++i) {
      waiting_.emplace_back(io).open(tcp::v4());
      // Asio's connect would wait for the outcome.
      auto to = acceptor_.local_endpoint();
      waiting_.back().native_non_blocking(true);
      EXPECT_TRUE(::connect(waiting_.back().native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0 ||
                  errno == EINPROGRESS);
    }
  }
  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }

 private:
  tcp::acceptor acceptor_;
  std::vector<tcp::socket> waiting_;
};

TEST(Connect, GivesUpInTime) {
  asio::io_context io(1);
  DeafListener deaf(io);
  test::run(io, [&]() -> awaitable<void> {
    auto began = KernelBootClock::now();
    auto stream = co_await connect("127.0.0.1", deaf.port(), nullptr, 50ms);
    CO_ASSERT(!stream);
    EXPECT_EQ(stream.error().what, "cannot connect to 127.0.0.1:" + deaf.port() + ": timed out");
    EXPECT_GE(KernelBootClock::now() - began, 50ms);
    EXPECT_LT(KernelBootClock::now() - began, 20s);  // the kernel alone would try for two minutes
  });
}

TEST(Connect, IsCancelled) {
  asio::io_context io(1);
  DeafListener deaf(io);
  asio::cancellation_signal cancel;
  std::exception_ptr thrown;
  asio::co_spawn(io, connect("127.0.0.1", deaf.port(), nullptr, 1h),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e, auto) { thrown = e; }));
  io.poll();
  EXPECT_FALSE(thrown);
  cancel.emit(asio::cancellation_type::terminal);
  io.run_for(5s);
  EXPECT_TRUE(thrown);
  EXPECT_TRUE(io.stopped());
}

// A name can have several addresses. If one refuses or does not answer, the next is tried.
TEST(Connect, TriesEachAddress) {
  asio::io_context io(1);
  DeafListener deaf(io);
  RawServer server(io, [](tcp::socket& socket, int) -> awaitable<void> { co_await read_until(socket, ""); });
  tcp::acceptor unused(io, {asio::ip::address_v4::loopback(), 0});
  const auto refusing = unused.local_endpoint();
  unused.close();
  auto endpoint = [](const std::string& port) {
    return tcp::endpoint(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(port)));
  };
  const std::vector<tcp::endpoint> good{refusing, endpoint(deaf.port()), endpoint(server.port())};
  const std::vector<tcp::endpoint> bad{refusing, endpoint(deaf.port()), refusing};
  test::run(io, [&]() -> awaitable<void> {
    auto stream = co_await connect_to(good, "name", nullptr, false, 600ms);
    CO_ASSERT(stream) << stream.error().what;
    auto none = co_await connect_to(bad, "name", nullptr, false, 100ms);
    CO_ASSERT(!none);
    EXPECT_EQ(none.error().what, "Connection refused");
  });
}

TEST(Stream, TheDeadlineEndsReadsAndWrites) {
  asio::io_context io(1);
  // This peer reads nothing and sends nothing.
  std::vector<tcp::socket> kept;
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    kept.push_back(std::move(socket));
    co_return;
  });
  for (bool write : {false, true}) {
    test::run(io, [&]() -> awaitable<void> {
      auto stream = co_await connect("127.0.0.1", server.port(), nullptr, 5s);
      CO_ASSERT(stream);
      (*stream)->deadline(1h);
      (*stream)->deadline(30ms);
      const std::string much(64 << 20, 'x');
      char byte = 0;
      boost::system::error_code ec;
      try {
        if (write) {
          co_await (*stream)->write(much);
        } else {
          co_await (*stream)->read_some({&byte, 1});
        }
      } catch (const boost::system::system_error& e) {
        ec = e.code();
      }
      EXPECT_EQ(ec, asio::error::timed_out);
      EXPECT_TRUE((*stream)->peer_closed());
    });
  }
}

TEST(Stream, TellsThatThePeerHasClosedOrSentSomething) {
  asio::io_context io(1);
  bool close = false, talk = false, done = false;
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    while (!close && !talk) co_await asio::post(io, use_awaitable);
    if (talk) co_await test::send(socket, "x");
    if (close) socket.close();
    done = true;
    if (talk) co_await read_until(socket, "never");
  });
  for (bool* what : {&close, &talk}) {
    close = talk = done = false;
    test::run(io, [&]() -> awaitable<void> {
      auto stream = co_await connect("127.0.0.1", server.port(), nullptr, 5s);
      CO_ASSERT(stream);
      EXPECT_FALSE((*stream)->peer_closed());
      *what = true;
      while (!done) co_await asio::post(io, use_awaitable);
      EXPECT_TRUE((*stream)->peer_closed());
    });
  }
}

}  // namespace
}  // namespace tamada::net
