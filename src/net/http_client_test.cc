#include "net/http_client.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <vector>

#include "net/clock.h"
#include "net/socket_stream.h"
#include "net/test_support.h"

namespace tamada::net {
namespace {

using test::RawServer;
using test::read_until;
using test::send;
using test::tcp;
using namespace std::chrono_literals;

HttpRequest get(std::string target) { return {.method = "GET", .target = std::move(target)}; }

Url url(const std::string& text) { return *Url::parse(text); }

TEST(HttpClient, SendsTheRequestAndKeepsTheConnection) {
  asio::io_context io(1);
  std::vector<std::string> seen;
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    for (;;) {
      auto text = co_await read_until(socket, "\r\n\r\n");
      if (text.empty()) co_return;
      if (text.starts_with("POST") && !text.ends_with("body")) text += co_await read_until(socket, "body");
      seen.push_back(text);
      co_await send(socket, "HTTP/1.1 202 Accepted\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello");
    }
  });
  test::run(io, [&]() -> awaitable<void> {
    HttpClient client(url(server.url() + "/base/"), {});
    auto first = co_await client.request(get("/x?y=1"), 5s);
    CO_ASSERT(first);
    EXPECT_EQ(first->status, 202);
    EXPECT_EQ(first->body, "hello");
    EXPECT_EQ(*first->header("x-a"), "b");
    HttpRequest post{.method = "POST", .target = "/p", .headers = {{"Authorization", "t"}}, .body = "body"};
    auto second = co_await client.request(post, 5s);
    CO_ASSERT(second);
  });
  EXPECT_EQ(server.connections(), 1);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0], "GET /base/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:" + server.port() + "\r\n\r\n");
  EXPECT_EQ(seen[1], "POST /base/p HTTP/1.1\r\nHost: 127.0.0.1:" + server.port() +
                         "\r\nAuthorization: t\r\nContent-Length: 4\r\n\r\nbody");
}

TEST(HttpClient, ABodyBeyondTheBoundIsRefusedBeforeItIsRead) {
  asio::io_context io(1);
  for (const bool announced : {true, false}) {
    RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
      co_await read_until(socket, "\r\n\r\n");
      co_await send(socket,
                    announced ? "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n");
      for (int i = 0; i < 100; ++i) co_await send(socket, std::string(4096, 'x'));
    });
    test::run(io, [&]() -> awaitable<void> {
      HttpRequest request{.method = "GET", .target = "/", .answer_bytes_max = 20'000};
      const auto answer = co_await http_once(url(server.url()), {}, request, 10s);
      CO_ASSERT(!answer);
      EXPECT_TRUE(answer.error().what.contains("body limit exceeded")) << answer.error().what;
    });
  }
}

TEST(HttpClient, ReadsEveryKindOfBody) {
  struct {
    const char *answer, *body;
    bool kept;
  } const cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc", true},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", "abc", false},
      {"HTTP/1.0 200 OK\r\n\r\nabc", "abc", false},  // the body ends with the connection, as in Patroni's answers
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1", "abc", false},  // more bytes than the length says
  };
  for (const auto& c : cases) {
    asio::io_context io(1);
    RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
      for (;;) {
        auto text = co_await read_until(socket, "\r\n\r\n");
        if (text.empty()) co_return;
        co_await send(socket, c.answer);
        if (!c.kept) co_return;
      }
    });
    test::run(io, [&]() -> awaitable<void> {
      HttpClient client(url(server.url()), {});
      for (int i = 0; i < 2; ++i) {
        auto response = co_await client.request(get("/"), 5s);
        CO_ASSERT(response) << response.error().what << " " << c.answer;
        EXPECT_EQ(response->body, c.body) << c.answer;
      }
    });
    EXPECT_EQ(server.connections(), c.kept ? 1 : 2) << c.answer;
  }
}

TEST(HttpClient, HeadHasNoBody) {
  asio::io_context io(1);
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    while (!(co_await read_until(socket, "\r\n\r\n")).empty()) {
      co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    }
  });
  test::run(io, [&]() -> awaitable<void> {
    HttpClient client(url(server.url()), {});
    for (int i = 0; i < 2; ++i) {
      HttpRequest head{.method = "HEAD", .target = "/"};
      auto response = co_await client.request(head, 5s);
      CO_ASSERT(response) << response.error().what;
      EXPECT_EQ(response->body, "");
    }
  });
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, BrokenAnswersAreErrors) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 200 OK\r\nX",
                             "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
    asio::io_context io(1);
    RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
      co_await read_until(socket, "\r\n\r\n");
      co_await send(socket, answer);
    });
    test::run(io, [&]() -> awaitable<void> {
      HttpClient client(url(server.url()), {});
      auto response = co_await client.request(get("/"), 5s);
      EXPECT_FALSE(response) << answer;
      if (!response) EXPECT_TRUE(response.error().what.contains(server.port())) << response.error().what;
    });
    EXPECT_EQ(server.connections(), 1) << answer;  // a request that failed on a new connection is not repeated
  }
}

TEST(HttpClient, AHeaderWithoutEndIsRefused) {
  asio::io_context io(1);
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    co_await read_until(socket, "\r\n\r\n");
    co_await send(socket, "HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x'));
    co_await read_until(socket, "");
  });
  test::run(io, [&]() -> awaitable<void> {
    HttpClient client(url(server.url()), {});
    EXPECT_FALSE(co_await client.request(get("/"), 5s));
  });
}

// The server has closed an idle connection. The client notices that before it sends, so even a POST is safe.
TEST(HttpClient, AnIdleConnectionThatWasClosedIsOpenedAgain) {
  asio::io_context io(1);
  bool closed = false;
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    co_await read_until(socket, "\r\n\r\n");
    co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    socket.close();
    closed = true;
  });
  test::run(io, [&]() -> awaitable<void> {
    HttpClient client(url(server.url()), {});
    HttpRequest post{.method = "POST", .target = "/"};
    for (int i = 0; i < 2; ++i) {
      auto response = co_await client.request(post, 5s);
      CO_ASSERT(response) << response.error().what;
      while (!closed) co_await asio::post(io, use_awaitable);
      closed = false;
    }
  });
  EXPECT_EQ(server.connections(), 2);
}

// The server closes the connection when the second request has arrived. Only requests that change nothing are repeated.
TEST(HttpClient, RepeatsOnlyWhatMayBeRepeated) {
  struct {
    const char* method;
    bool repeatable, again;
  } const cases[] = {{"GET", false, true}, {"POST", false, false}, {"POST", true, true}, {"DELETE", false, false}};
  for (const auto& c : cases) {
    asio::io_context io(1);
    RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
      co_await read_until(socket, "\r\n\r\n");
      co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      co_await read_until(socket, "\r\n\r\n");
    });
    test::run(io, [&]() -> awaitable<void> {
      HttpClient client(url(server.url()), {});
      HttpRequest request{.method = c.method, .target = "/", .repeatable = c.repeatable};
      EXPECT_TRUE(co_await client.request(request, 5s));
      EXPECT_EQ((co_await client.request(request, 5s)).has_value(), c.again) << c.method;
    });
    EXPECT_EQ(server.connections(), c.again ? 2 : 1) << c.method;
  }
}

TEST(HttpClient, TimesOutAndForgetsTheLateAnswer) {
  asio::io_context io(1);
  RawServer server(io, [&](tcp::socket& socket, int number) -> awaitable<void> {
    co_await read_until(socket, "\r\n\r\n");
    if (number == 1) {
      co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nla");
      EXPECT_EQ(co_await read_until(socket, ""), "");  // returns when the client closes
      co_return;
    }
    co_await send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew");
  });
  test::run(io, [&]() -> awaitable<void> {
    SystemClock clock;
    HttpClient client(url(server.url()), {});
    auto began = clock.now();
    auto late = co_await client.request(get("/"), 50ms);
    CO_ASSERT(!late);
    EXPECT_TRUE(late.error().what.contains("no answer within 0.05 s")) << late.error().what;
    EXPECT_GE(clock.now() - began, 50ms);
    EXPECT_LT(clock.now() - began, 5s);
    auto next = co_await client.request(get("/"), 5s);
    CO_ASSERT(next);
    EXPECT_EQ(next->body, "new");
  });
}

TEST(HttpClient, ACancelledRequestClosesItsConnection) {
  asio::io_context io(1);
  bool asked = false, closed = false, ended = false;
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    co_await read_until(socket, "\r\n\r\n");
    asked = true;
    co_await read_until(socket, "");
    closed = true;
  });
  HttpClient client(url(server.url()), {});
  asio::cancellation_signal cancel;
  asio::co_spawn(
      io, client.request(get("/"), 1h),
      asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e, auto) { ended = e != nullptr; }));
  test::run(io, [&]() -> awaitable<void> {
    while (!asked) co_await asio::post(io, use_awaitable);
    cancel.emit(asio::cancellation_type::terminal);
    while (!closed || !ended) co_await asio::post(io, use_awaitable);
  });
}

TEST(HttpClient, MayBeDestroyedOrClosedWhileAsking) {
  for (bool destroy : {false, true}) {
    asio::io_context io(1);
    bool asked = false, ended = false;
    RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
      co_await read_until(socket, "\r\n\r\n");
      asked = true;
      co_await read_until(socket, "");
    });
    auto client = std::make_unique<HttpClient>(url(server.url()), std::nullopt);
    asio::co_spawn(io, client->request(get("/"), 1h), [&](std::exception_ptr, core::Result<HttpResponse> result) {
      ended = true;
      EXPECT_FALSE(result);
    });
    test::run(io, [&]() -> awaitable<void> {
      while (!asked) co_await asio::post(io, use_awaitable);
      auto second = co_await client->request(get("/"), 1s);
      EXPECT_FALSE(second) << "a client takes one request at a time";
      destroy ? client.reset() : client->close();
      while (!ended) co_await asio::post(io, use_awaitable);
    });
  }
}

TEST(HttpClient, ARefusedConnectionIsAnError) {
  asio::io_context io(1);
  tcp::acceptor taken(io, {asio::ip::address_v4::loopback(), 0});
  auto port = std::to_string(taken.local_endpoint().port());
  taken.close();
  test::run(io, [&]() -> awaitable<void> {
    auto response = co_await http_once(url("http://localhost:" + port), {}, get("/"), 5s);
    CO_ASSERT(!response);
    EXPECT_EQ(response.error().what, "cannot connect to localhost:" + port + ": Connection refused");
    auto unknown = co_await http_once(url("http://no-such-host.invalid:1"), {}, get("/"), 5s);
    CO_ASSERT(!unknown);
    EXPECT_TRUE(unknown.error().what.starts_with("cannot resolve no-such-host.invalid: ")) << unknown.error().what;
  });
}

// A lookup that hangs: the thread that such lookups have is kept busy meanwhile.
TEST(HttpClient, ANameThatIsLookedUpApartDelaysNoOther) {
  asio::io_context io(1);
  RawServer server(io, [](tcp::socket& socket, int) -> awaitable<void> {
    co_await read_until(socket, "\r\n\r\n");
    co_await send(socket, "HTTP/1.1 204 No Content\r\n\r\n");
  });
  auto near = url("http://localhost:" + server.port()), apart = near;
  apart.apart = true;
  std::promise<void> hangs;
  asio::post(lookup_thread(), [until = hangs.get_future().share()] { until.wait(); });
  test::run(io, [&]() -> awaitable<void> {
    auto late = co_await http_once(apart, {}, get("/"), 100ms);
    EXPECT_FALSE(late);
    auto other = co_await http_once(near, {}, get("/"), 10s);
    EXPECT_TRUE(other) << other.error().what;
    hangs.set_value();
    auto again = co_await http_once(apart, {}, get("/"), 10s);
    EXPECT_TRUE(again) << again.error().what;
    apart.host = "no-such-host.invalid";
    auto unknown = co_await http_once(apart, {}, get("/"), 10s);
    CO_ASSERT(!unknown);
    EXPECT_TRUE(unknown.error().what.starts_with("cannot resolve no-such-host.invalid: ")) << unknown.error().what;
  });
  test::finish_other_threads();
}

TEST(HttpClient, NothingCanBeSmuggledIntoTheRequest) {
  asio::io_context io(1);
  test::run(io, [&]() -> awaitable<void> {
    HttpClient client(url("http://127.0.0.1:1"), {});
    for (const HttpRequest& request :
         {HttpRequest{.method = "GET", .target = "/a b"}, HttpRequest{.method = "GET", .target = "/a\r\nX: y"},
          HttpRequest{.method = "GET", .target = "/", .headers = {{"A", "b\r\nX: y"}}}}) {
      auto response = co_await client.request(request, 1s);
      CO_ASSERT(!response);
      EXPECT_TRUE(response.error().what.contains("holds a")) << response.error().what;
    }
  });
}

class Streams : public ::testing::Test {
 protected:
  asio::io_context io{1};
  std::string got;
  // The result of a stream from a server that sends `pieces` and then hangs or ends.
  core::Result<void> follow(std::vector<std::string> pieces, bool hangs, core::Duration idle) {
    core::Result<void> result;
    RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
      co_await read_until(socket, "\r\n\r\n");
      for (auto& piece : pieces) {
        co_await send(socket, piece);
        co_await asio::post(io, use_awaitable);
      }
      if (hangs) co_await read_until(socket, "");
    });
    test::run(io, [&]() -> awaitable<void> {
      HttpClient client(url(server.url()), {});
      result = co_await client.stream(get("/"), 200ms, idle, [&](std::string_view piece) { got += piece; });
    });
    return result;
  }
};

constexpr auto chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_F(Streams, DeliverPiecesUntilTheEnd) {
  EXPECT_TRUE(follow({std::string(chunked) + "2\r\nab", "\r\n3\r\nc", "de\r\n", "0\r\n\r\n"}, true, 5s));
  EXPECT_EQ(got, "abcde");
}

TEST_F(Streams, AChunkLargerThanTheBuffer) {
  std::string big(100000, 'x');
  EXPECT_TRUE(follow({chunked, "186a0\r\n", big, "\r\n0\r\n\r\n"}, false, 5s));
  EXPECT_EQ(got, big);
}

TEST_F(Streams, ABrokenConnectionIsAnError) {
  EXPECT_FALSE(follow({chunked, "2\r\nab\r\n"}, false, 5s));
  EXPECT_EQ(got, "ab");
}

TEST_F(Streams, AStreamThatIsIdleForTooLongIsAnError) {
  auto result = follow({chunked, "2\r\nab\r\n"}, true, 50ms);
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().what.contains("nothing came in time"));
  EXPECT_EQ(got, "ab");
}

TEST_F(Streams, AHeaderThatIsLateIsAnError) { EXPECT_FALSE(follow({}, true, 0s)); }

TEST_F(Streams, ARefusalReturnsItsTextAndDeliversNoPiece) {
  auto result = follow({"HTTP/1.1 401 Unauthorized\r\nContent-Length: 18\r\n\r\ninvalid ", "auth token"}, true, 0s);
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().what.ends_with("HTTP status 401: invalid auth token")) << result.error().what;
  EXPECT_EQ(got, "");
}

TEST_F(Streams, ACancellationClosesTheConnection) {
  bool closed = false, ended = false;
  RawServer server(io, [&](tcp::socket& socket, int) -> awaitable<void> {
    co_await send(socket, std::string(chunked) + "2\r\nab\r\n");
    co_await read_until(socket, "never");
    closed = true;
  });
  HttpClient client(url(server.url()), {});
  asio::cancellation_signal cancel;
  asio::co_spawn(
      io, client.stream(get("/"), 5s, 0s, [&](std::string_view piece) { got += piece; }),
      asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e, auto) { ended = e != nullptr; }));
  test::run(io, [&]() -> awaitable<void> {
    while (got != "ab") co_await asio::post(io, use_awaitable);
    cancel.emit(asio::cancellation_type::terminal);
    while (!closed || !ended) co_await asio::post(io, use_awaitable);
  });
}

}  // namespace
}  // namespace tamada::net
