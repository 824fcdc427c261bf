#include <gtest/gtest.h>

#include <array>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;

constexpr const char* liveness_of_n1 = "http://127.0.0.1:27201/liveness";

// n0, where n1 answers and n2 does not.
struct Passing : ::testing::Test {
  explicit Passing(RestApiOptions options = {}) : node(leader(), std::move(options)) {
    node.peers = {{liveness_of_n1, ""}};
    for (const char* what : {"POST", "DELETE"})
      node.replies[std::string(what) + " http://127.0.0.1:27201/restart"] = {
          503, {{"Content-Type", "text/html"}, {"Server", "other"}}, "restart conditions are not satisfied"};
    node.replies["POST http://127.0.0.1:27201/reload"] = {202, {}, "reload scheduled"};
    node.replies["POST http://127.0.0.1:27201/reinitialize"] = {200, {}, "reinitialize started"};
  }
  Node node;
};

RestApiOptions with_password() {
  RestApiOptions options;
  options.username = "u";
  options.password = "p";
  return options;
}
struct GuardedPassing : Passing {
  GuardedPassing() : Passing(with_password()) {}
};

constexpr std::array<std::array<const char*, 2>, 4> deeds{
    {{"POST", "restart"}, {"DELETE", "restart"}, {"POST", "reload"}, {"POST", "reinitialize"}}};

std::string about(const char* deed, const char* member) { return std::string("/tamada/") + deed + "?member=" + member; }

TEST_F(Passing, TheMemberGetsTheRequestAndItsAnswerComesBack) {
  node.headers = {{"Content-Type", "application/json"}, {"Cookie", "a=b"}, {"X-Forwarded-For", "1.2.3.4"}};
  EXPECT_EQ(node.ask("POST", about("restart", "n1"), R"({"role": "replica"})", "Basic dTpw"),
            "503 restart conditions are not satisfied");
  ASSERT_NE(node.answer->header("Content-Type"), nullptr);
  EXPECT_EQ(*node.answer->header("Content-Type"), "text/html");
  EXPECT_EQ(node.answer->header("Server"), nullptr) << "the other headers are those of this node";
  EXPECT_EQ(node.ask("DELETE", about("restart", "n1")), "503 restart conditions are not satisfied");
  EXPECT_EQ(node.ask("POST", about("reload", "n1")), "202 reload scheduled");
  EXPECT_EQ(node.ask("POST", about("reinitialize", "n1"), R"({"force": true})"), "200 reinitialize started");
  const std::string json = " [Content-Type: application/json] ";
  const std::vector<std::string> told = {
      "POST http://127.0.0.1:27201/restart [Authorization: Basic dTpw]" + json + R"({"role": "replica"})",
      "DELETE http://127.0.0.1:27201/restart" + json, "POST http://127.0.0.1:27201/reload" + json,
      "POST http://127.0.0.1:27201/reinitialize" + json + R"({"force": true})"};
  EXPECT_EQ(node.told, told);
  EXPECT_EQ(node.agent.restarts + node.agent.reloads + node.agent.reinitializes, 0) << "this node does nothing itself";
}

TEST_F(Passing, ARequestAboutThisNodeIsThePlainOne) {
  EXPECT_EQ(node.ask("POST", about("reload", "n0")), "202 reload scheduled");
  EXPECT_EQ(node.agent.reloads, 1);
  EXPECT_EQ(node.ask("POST", about("reinitialize", "n0")), "503 I am the leader, can not reinitialize");
  EXPECT_EQ(node.ask("DELETE", about("restart", "n0")), "404 no restarts are scheduled");
  node.start("POST", about("restart", "n0"));
  EXPECT_EQ(node.agent.restarts, 1);
  EXPECT_TRUE(node.told.empty());
}

TEST_F(Passing, FaultsAreTold) {
  for (const auto& [method, deed] : deeds) {
    EXPECT_EQ(node.ask(method, about(deed, "nosuch")).substr(0, 3), "404");
    EXPECT_TRUE(node.said().contains("no such member")) << deed;
    EXPECT_EQ(node.ask(method, std::string("/tamada/") + deed).substr(0, 3), "400");
    EXPECT_TRUE(node.said().contains("?member=NAME")) << deed;
    EXPECT_EQ(node.ask(method, about(deed, "n2")).substr(0, 3), "502");
    EXPECT_TRUE(node.said().contains("n2 does not answer, so the request was not sent to it: connection refused"));
  }
  EXPECT_TRUE(node.told.empty());
  for (const char* other : {"/tamada/explain?member=n1", "/tamada?member=n1", "/tamada/restart/?member=n1",
                            "//tamada/restart?member=n1", "/tamada/switchover?member=n1"})
    EXPECT_EQ(node.ask("POST", other).substr(0, 3), "404") << other;
  EXPECT_EQ(node.ask("DELETE", about("reload", "n1")).substr(0, 3), "404");
  EXPECT_TRUE(node.told.empty());
}

TEST_F(Passing, AnAnswerThatDoesNotComeOrIsNoneIsTold) {
  node.replies.clear();
  EXPECT_EQ(node.ask("POST", about("restart", "n1")).substr(0, 3), "502");
  EXPECT_TRUE(node.said().contains("the request was sent to n1, and its answer did not come: no answer in time"));
  for (const int status : {100, 199, 204, 304, 600}) {
    node.replies["POST http://127.0.0.1:27201/restart"] = {status, {}, "HTTP/1.1 200 OK"};
    EXPECT_EQ(node.ask("POST", about("restart", "n1")).substr(0, 3), "502") << status;
  }
  node.publish([](Snapshot& s) { s.seen.cluster.members["n1"].api_url = "file:///etc/passwd"; });
  EXPECT_EQ(node.ask("POST", about("restart", "n1")).substr(0, 3), "502");
  EXPECT_TRUE(node.said().contains("no usable api_url"));
}

TEST_F(Passing, OnlySoManyWaitAtTheSameTime) {
  asio::steady_timer silence(node.io, asio::steady_timer::time_point::max());
  RestApiOptions options;
  options.name = "n0";
  options.ask_peer = [&](std::string) -> awaitable<core::Result<net::HttpResponse>> {
    co_await silence.async_wait(asio::as_tuple(use_awaitable));
    co_return core::fail("no answer in time");
  };
  node.api->configure(options);
  int answered = 0, refused = 0;
  for (int i = 0; i < 20; ++i) {
    net::HttpRequest request{.method = "POST", .target = about("reload", "n1")};
    asio::co_spawn(node.io, node.api->handle(std::move(request)), [&](std::exception_ptr, net::HttpResponse response) {
      ++(response.status == 503 ? refused : answered);
    });
  }
  node.run();
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(answered, 0);
  silence.cancel();
  node.run();
  EXPECT_EQ(answered, 16);
  EXPECT_EQ(node.ask("POST", about("reload", "n0")), "202 reload scheduled");
}

TEST_F(GuardedPassing, NothingIsPassedOnWithoutThePassword) {
  for (const auto& [method, deed] : deeds) {
    for (const char* member : {"n0", "n1", "nosuch"}) {
      EXPECT_EQ(node.ask(method, about(deed, member)), "401 no auth header received") << deed;
      EXPECT_EQ(node.ask(method, about(deed, member), {}, "Basic eDp5"), "401 not authenticated") << deed;
    }
  }
  EXPECT_TRUE(node.told.empty() && node.asked.empty()) << "not even whether it is alive";
  EXPECT_EQ(node.agent.restarts + node.agent.reloads + node.agent.reinitializes, 0);
  EXPECT_EQ(node.ask("POST", about("reload", "n1"), {}, "Basic dTpw"), "202 reload scheduled");
  // The member has another password.
  node.replies["POST http://127.0.0.1:27201/reload"] = {
      401, {{"WWW-Authenticate", "Basic realm=\"Patroni\""}}, "not authenticated"};
  EXPECT_EQ(node.ask("POST", about("reload", "n1"), {}, "Basic dTpw"), "401 not authenticated");
  EXPECT_NE(node.answer->header("WWW-Authenticate"), nullptr);
}

TEST_F(GuardedPassing, TheOtherRulesOfAccessHoldToo) {
  const auto passed = [&](const char* method, const char* deed) {
    return node.ask(method, about(deed, "n1"), "{}", "Basic dTpw").substr(0, 3);
  };
  for (const auto& [method, deed] : deeds) {
    node.headers = {{"Host", "10.0.0.1:8008"}, {"Origin", "http://evil.example"}};
    EXPECT_EQ(passed(method, deed), "403") << deed;
    node.headers = {{"Host", "10.0.0.1:8008"}, {"Origin", "http://10.0.0.1:8008"}};
    EXPECT_EQ(passed(method, deed), "415") << "a form cannot send the content type of JSON";
    node.headers.clear();
    auto options = with_password();
    options.require_client_certificate = true;
    node.api->configure(options);
    EXPECT_EQ(passed(method, deed), "403") << deed;
    options = with_password();
    std::vector<std::string> problems;
    options.allowlist = Allowlist({"10.0.0.0/8"}, problems);
    node.api->configure(options);
    EXPECT_EQ(passed(method, deed), "403") << deed;
    node.api->configure(with_password());
  }
  EXPECT_TRUE(node.told.empty() && node.asked.empty());
}

}  // namespace
}  // namespace tamada::api
