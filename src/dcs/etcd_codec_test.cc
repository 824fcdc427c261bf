#include "dcs/etcd_codec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tamada::dcs {
namespace {

TEST(Base64, BothWays) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {std::string("\xff\xfe\0", 3), "//4A"},
  };
  for (const auto& [plain, coded] : cases) {
    EXPECT_EQ(base64_encode(plain), coded);
    EXPECT_EQ(base64_decode(coded), plain);
  }
  for (const auto* junk : {"a", "Zg=", "Zg==Zg==", "Z!==", "===="})
    EXPECT_EQ(base64_decode(junk), std::nullopt) << junk;
}

TEST(RangeEnd, IsTheKeyBehindThePrefix) {
  EXPECT_EQ(range_end("/service/demo/"), "/service/demo0");
  EXPECT_EQ(range_end("a\xff\xff"), "b");
  EXPECT_EQ(range_end("\xff"), std::string(1, '\0'));
  EXPECT_EQ(range_end(""), std::string(1, '\0'));
}

TEST(Bodies, CarryIntegersAsStrings) {
  EXPECT_EQ(range_body("a/", 0), R"({"key":"YS8=","range_end":"YTA="})");
  EXPECT_EQ(range_body("a/", 7), R"({"key":"YS8=","min_mod_revision":"7","range_end":"YTA="})");
  EXPECT_EQ(grant_body(std::chrono::milliseconds(1001)), R"({"TTL":"2"})");
  EXPECT_EQ(lease_body(LeaseId("7587867392812345678")), R"({"ID":"7587867392812345678"})");
  EXPECT_EQ(txn_body({{.what = Compare::What::mod_revision, .key = "k", .revision = 0},
                      {.what = Compare::What::value, .key = "k", .value = "v"}},
                     {Put{.key = "k", .value = "v", .lease = LeaseId("3")}, Delete{.key = "a/", .prefix = true}}),
            R"({"compare":[{"key":"aw==","mod_revision":"0","result":"EQUAL","target":"MOD"},)"
            R"({"key":"aw==","result":"EQUAL","target":"VALUE","value":"dg=="}],)"
            R"("success":[{"request_put":{"key":"aw==","lease":"3","value":"dg=="}},)"
            R"({"request_delete_range":{"key":"YS8=","range_end":"YTA="}}]})");
  EXPECT_NO_THROW(authenticate_body("u", "\xff not UTF-8"));
}

TEST(Answers, InvalidAnswersGiveNullopt) {
  for (const auto* text : {"{}", "[]", "1", R"({"header":{"revision":"x"}})", R"({"header":[]})"}) {
    const auto json = Json::parse(text);
    EXPECT_FALSE(parse_range(json)) << text;
    EXPECT_FALSE(parse_txn(json)) << text;
    EXPECT_FALSE(parse_grant(json)) << text;
    EXPECT_FALSE(parse_keepalive(json)) << text;
  }
  EXPECT_FALSE(parse_range(Json::parse(R"({"header":{"revision":"3"},"kvs":[{"key":"!"}]})")));
  EXPECT_FALSE(parse_range(Json::parse(R"({"header":{"revision":"3"},"kvs":[7]})")));
}

TEST(Answers, Values) {
  const auto range = parse_range(Json::parse(
      R"({"header":{"revision":"9"},"kvs":[{"key":"aw==","create_revision":"2","mod_revision":"3","version":"2","value":"dg==","lease":"7587867392812345678"},{"key":"bA=="}],"count":"5"})"));
  ASSERT_TRUE(range);
  EXPECT_EQ(range->revision, 9);
  EXPECT_EQ(range->count, 5);
  EXPECT_EQ(range->keys[0].value, "v");
  EXPECT_EQ(range->keys[0].lease, LeaseId("7587867392812345678"));
  EXPECT_EQ(range->keys[1].value, "");
  EXPECT_FALSE(range->keys[1].lease);
  EXPECT_EQ(parse_keepalive(Json::parse(R"({"result":{"ID":"1","TTL":"30"}})")), std::chrono::seconds(30));
  EXPECT_EQ(parse_keepalive(Json::parse(R"({"result":{"ID":"1"}})")), Duration::zero());
}

TEST(Requests, ACompareOfNoLeaseIsOneWithNumberZero) {
  const auto body = Json::parse(txn_body({{.what = Compare::What::lease, .key = "k"}}, {Put{.key = "k", .value = ""}}));
  EXPECT_EQ(body["compare"][0]["lease"], "0");
  EXPECT_FALSE(body["success"][0]["request_put"].contains("lease"));
}

TEST(Errors, AreToldApart) {
  using Kind = GatewayError::Kind;
  const struct {
    int status;
    const char* body;
    std::optional<Kind> kind;
  } cases[] = {
      {200, "{}", std::nullopt},
      {404,
       R"({"error":"etcdserver: requested lease not found","message":"etcdserver: requested lease not found","code":5})",
       Kind::lease_gone},
      {503, R"({"error":"etcdserver: request timed out","code":14})", Kind::unavailable},
      {401, R"({"error":"etcdserver: invalid auth token","code":16})", Kind::auth},
      {400, R"({"error":"etcdserver: user name is empty","code":3})", Kind::auth},
      {400, R"({"code":3,"message":"etcdserver: revision of auth store is old"})", Kind::auth},
      {412, R"({"error":"etcdserver: authentication is not enabled","code":9})", Kind::auth_disabled},
      {403, R"({"error":"etcdserver: permission denied","code":7})", Kind::refused},
      {200, R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})", Kind::unavailable},
      {502, "<html>", Kind::unavailable},
      {404, "404 page not found", Kind::refused},
  };
  for (const auto& c : cases) {
    const auto error = parse_error(c.status, c.body);
    EXPECT_EQ(error.has_value(), c.kind.has_value()) << c.body;
    if (error && c.kind) EXPECT_EQ(error->kind, *c.kind) << c.body;
  }
  EXPECT_EQ(parse_error(503, R"({"error":"etcdserver: no leader","code":14})")->what, "etcdserver: no leader");
}

TEST(ApiPrefix, FollowsTheVersion) {
  EXPECT_EQ(api_prefix(R"({"etcdserver":"3.4.23","etcdcluster":"3.4.0"})"), "/v3");
  EXPECT_EQ(api_prefix(R"({"etcdserver":"3.3.27"})"), "/v3beta");
  EXPECT_EQ(api_prefix("junk"), "/v3");
}

constexpr auto stream =
    R"({"result":{"header":{"revision":"20"},"created":true}})"
    "\n"
    R"({"result":{"header":{"revision":"20"},"events":[{"kv":{"key":"aw==","mod_revision":"11","value":"dg=="}},{"type":"DELETE","kv":{"key":"aw==","mod_revision":"12"}}]}})"
    "\n"
    R"({"result":{"header":{"revision":"30"}}})"
    "\n";

TEST(WatchParser, TakesPiecesOfAnySize) {
  for (std::size_t size : {1u, 7u, 100u, 10000u}) {
    WatchParser parser(10);
    std::vector<WatchBatch> batches;
    std::string_view text = stream;
    while (!text.empty()) {
      EXPECT_FALSE(parser.feed(text.substr(0, size), batches));
      text.remove_prefix(std::min(size, text.size()));
    }
    ASSERT_EQ(batches.size(), 3u);
    EXPECT_TRUE(batches[0].events.empty());
    EXPECT_EQ(batches[0].revision, 9);  // the events of revision 10 are not complete yet
    ASSERT_EQ(batches[1].events.size(), 2u);
    EXPECT_EQ(batches[1].events[0].kv.value, "v");
    EXPECT_TRUE(batches[1].events[1].deleted);
    EXPECT_EQ(batches[1].revision, 12);
    EXPECT_EQ(batches[2].revision, 30);
  }
}

TEST(WatchParser, Ends) {
  const struct {
    const char* line;
    ErrorKind kind;
    bool auth;
  } cases[] = {
      {R"({"result":{"header":{"revision":"9"},"canceled":true,"compact_revision":"8"}})", ErrorKind::compacted, false},
      {R"({"result":{"canceled":true,"cancel_reason":"rpc error: code = PermissionDenied desc = etcdserver: permission denied"}})",
       ErrorKind::refused, true},
      {R"({"error":{"grpc_code":16,"message":"etcdserver: invalid auth token"}})", ErrorKind::unreachable, true},
      {R"({"error":{"grpc_code":14,"message":"etcdserver: no leader"}})", ErrorKind::unreachable, false},
      {"junk", ErrorKind::unreachable, false},
      {"[]", ErrorKind::unreachable, false},
      {R"({"result":{"events":[{"type":"PUT"}]}})", ErrorKind::unreachable, false},
  };
  for (const auto& c : cases) {
    WatchParser parser(5);
    std::vector<WatchBatch> batches;
    const auto error = parser.feed(std::string(c.line) + "\n", batches);
    ASSERT_TRUE(error) << c.line;
    EXPECT_EQ(error->kind, c.kind) << c.line;
    EXPECT_EQ(parser.auth_failed(), c.auth) << c.line;
    EXPECT_TRUE(batches.empty()) << c.line;
  }
}

}  // namespace
}  // namespace tamada::dcs
