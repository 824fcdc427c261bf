#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/test_fakes.h"
#include "api/ui_files.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

const UiFile& ui_file_named(std::string_view name) { return *std::ranges::find(ui_files(), name, &UiFile::name); }

std::string header_of(const Node& node, std::string_view name) {
  const auto* value = node.answer->header(name);
  return value ? *value : "(none)";
}

TEST(Ui, ServesItsFiles) {
  Node node(leader());
  EXPECT_FALSE(node.api->fast("GET", "/ui/")) << "the page is not one of the prepared health checks";
  EXPECT_FALSE(node.api->fast("HEAD", "/ui/"));
  const std::pair<const char*, const char*> files[] = {{"index.html", "text/html; charset=utf-8"},
                                                       {"app.js", "text/javascript; charset=utf-8"},
                                                       {"chinese.js", "text/javascript; charset=utf-8"},
                                                       {"style.css", "text/css; charset=utf-8"},
                                                       {"icon.svg", "image/svg+xml"}};
  for (const auto& [name, type] : files) {
    EXPECT_EQ(node.ask("GET", std::string("/ui/") + name), "200 " + std::string(ui_file_named(name).plain)) << name;
    EXPECT_EQ(header_of(node, "Content-Type"), type);
    EXPECT_EQ(header_of(node, "Content-Encoding"), "(none)");
  }
  EXPECT_EQ(node.ask("GET", "/ui/?x=1"), "200 " + std::string(ui_file_named("index.html").plain));
  EXPECT_EQ(node.ask("GET", "/ui").substr(0, 3), "308");
  EXPECT_EQ(header_of(node, "Location"), "ui/");
}

TEST(Ui, UnknownFilesAreNotFound) {
  Node node(leader());
  for (const char* path :
       {"/ui/nosuch", "/ui/../ui/app.js", "/ui//app.js", "//ui/app.js", "//ui", "/ui/app.js/", "/ui/%2e"})
    EXPECT_EQ(node.ask("GET", path).substr(0, 3), "404") << path;
  EXPECT_EQ(header_of(node, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(node.ask("POST", "/ui/", "{}").substr(0, 3), "501");
}

// Chinese costs English pages nothing but the button.
TEST(Ui, TheChineseTextsAreAFileOfTheirOwn) {
  constexpr std::string_view leads = "是领导者";
  EXPECT_TRUE(ui_file_named("chinese.js").plain.contains(leads));
  EXPECT_FALSE(ui_file_named("app.js").plain.contains(leads));
  EXPECT_TRUE(ui_file_named("app.js").plain.contains("chinese.js"));
  EXPECT_LT(ui_file_named("app.js").gzip.size() + ui_file_named("style.css").gzip.size(), 34'000U);
}

TEST(Ui, IsCompressedForClientsThatAcceptIt) {
  const auto& script = ui_file_named("app.js");
  EXPECT_EQ(script.gzip.substr(0, 3), "\x1f\x8b\x08");
  EXPECT_LT(script.gzip.size(), script.plain.size() / 2);
  const std::pair<const char*, bool> cases[] = {{"gzip", true},      {"deflate, gzip;q=0.5, br", true},
                                                {"br , gzip", true}, {"gzip; q=1", true},
                                                {"gzip;q=0", false}, {"gzip;q=0.000", false},
                                                {"identity", false}, {"xgzip", false},
                                                {"", false},         {",,", false}};
  for (const auto& [accepted, packed] : cases) {
    Node node(leader());
    node.headers = {{"Accept-Encoding", accepted}};
    EXPECT_EQ(node.ask("GET", "/ui/app.js"), "200 " + std::string(packed ? script.gzip : script.plain)) << accepted;
    EXPECT_EQ(header_of(node, "Content-Encoding"), packed ? "gzip" : "(none)") << accepted;
    EXPECT_EQ(header_of(node, "Vary"), "Accept-Encoding");
  }
}

TEST(Ui, ScriptsOfOtherOriginsDoNotRunInIt) {
  RestApiOptions options;
  options.extra_headers = {{"X-Site", "one"}};
  Node node(leader(), options);
  node.ask("GET", "/ui/");
  const auto policy = header_of(node, "Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';")) << policy;
  EXPECT_TRUE(policy.contains("frame-ancestors 'none'"));
  EXPECT_FALSE(policy.contains("unsafe"));
  EXPECT_EQ(header_of(node, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header_of(node, "X-Frame-Options"), "DENY");
  EXPECT_EQ(header_of(node, "X-Site"), "one");
  EXPECT_FALSE(ui_file_named("index.html").plain.contains("<style"));
  EXPECT_FALSE(ui_file_named("index.html").plain.contains("<script>"));
  EXPECT_FALSE(ui_file_named("index.html").plain.contains("http"));
}

TEST(Ui, CanBeSwitchedOff) {
  RestApiOptions options;
  options.ui = false;
  Node node(leader(), options);
  for (const char* path : {"/ui", "/ui/", "/ui/app.js"}) {
    EXPECT_EQ(node.ask("GET", path).substr(0, 3), "404") << path;
    EXPECT_TRUE(node.said().contains("restapi.ui")) << path;
  }
  EXPECT_EQ(node.ask("GET", "/tamada/members").substr(0, 3), "200");
}

// If the API asks for no password, a form on any page that an operator opens could stop the primary.
TEST(OtherPages, ChangeNothing) {
  Node node(leader());
  const std::pair<const char*, const char*> cases[] = {{"http://10.0.0.1:8008", "202"},
                                                       {"https://10.0.0.1:8008", "202"},
                                                       {"http://evil.example", "403"},
                                                       {"http://10.0.0.1", "403"},
                                                       {"null", "403"},
                                                       {"", "403"},
                                                       {"http://10.0.0.1:80080", "403"}};
  for (const auto& [origin, status] : cases) {
    node.headers = {{"Host", "10.0.0.1:8008"}, {"Origin", origin}};
    EXPECT_EQ(node.ask("POST", "/reload").substr(0, 3), status) << origin;
  }
  EXPECT_EQ(node.agent.reloads, 2);
  node.headers = {{"Host", "NODE:8008"}, {"Origin", "http://node:8008"}};
  EXPECT_EQ(node.ask("POST", "/reload").substr(0, 3), "202");
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":32})").substr(0, 3), "415")
      << "a form cannot send the content type of JSON";
  node.headers.emplace_back("Content-Type", "application/json");
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":32})").substr(0, 3), "200");
  node.headers = {{"Origin", "http://node:8008"}};
  EXPECT_EQ(node.ask("POST", "/reload").substr(0, 3), "403") << "the request has no Host";
  node.headers = {{"Host", "node:8008"}, {"Origin", "http://evil.example"}};
  EXPECT_EQ(node.ask("GET", "/cluster").substr(0, 3), "200")
      << "everybody may read, and the browser hides the answer from the other page";
}

constexpr std::string_view n1_explains = R"({"member": "n1", "gates": [{"gate": "dcs", "open": true}]})";

Json members_told(Node& node) {
  const auto said = node.ask("GET", "/tamada/members");
  return said.starts_with("200 ") ? Json::parse(said.substr(4)) : Json(said);
}

TEST(Members, AreAskedOnBehalfOfThePage) {
  Node node(leader());
  node.peers = {{"http://127.0.0.1:27201/tamada/explain", std::string(n1_explains)}};
  node.publish([](Snapshot& s) {
    s.seen.cluster.members["n3"] = {.name = "n3", .api_url = "file:///etc/passwd"};
    s.seen.cluster.members["n4"] = {.name = "n4"};
    s.seen.cluster.status->members = {{"n0", 0}, {"gone", 1764340000}, {"n1", 1764340000}};
  });
  const auto told = members_told(node);
  EXPECT_EQ(told["member"], "n0");
  ASSERT_EQ(told["members"].size(), 5U);
  EXPECT_EQ(told["members"][0]["name"], "n0");
  EXPECT_TRUE(told["members"][0]["explain"]["leads"].get<bool>());
  EXPECT_EQ(told["members"][0]["explain"]["standbys"][0].dump(),
            R"({"name":"n2","state":"streaming","sync_state":"sync"})");
  EXPECT_EQ(told["members"][1]["explain"].dump(), Json::parse(n1_explains).dump());
  EXPECT_EQ(told["members"][2].dump(), R"({"name":"n2","explain":null,"answers":false,"error":"connection refused"})");
  EXPECT_TRUE(told["members"][3]["explain"].is_null());
  EXPECT_EQ(told["members"][4]["error"], "it has published no usable api_url");
  EXPECT_EQ(told["missing"].dump(), R"([{"name":"gone","since":"2025-11-28T14:26:40+00:00"}])");
  const std::vector<std::string> asked = {"http://127.0.0.1:27201/tamada/explain",
                                          "http://127.0.0.1:27202/tamada/explain"};
  EXPECT_EQ(node.asked, asked);
}

TEST(Members, AreAskedOnceASecondForManyPages) {
  Node node(leader());
  for (int i = 0; i < 10; ++i) members_told(node);
  EXPECT_EQ(node.asked.size(), 2U);
  node.pass(1s);
  members_told(node);
  EXPECT_EQ(node.asked.size(), 4U);
}

TEST(Members, AnUnknownAnswerExplainsNothing) {
  Node node(leader());
  for (const char* body : {"", "junk", "[1]", R"({"state": "running"})"}) {
    node.peers = {{"http://127.0.0.1:27201/tamada/explain", body}};
    node.pass(1s);
    const auto told = members_told(node);
    EXPECT_EQ(told["members"][1]["error"], "it answers 200 without an explanation") << body;
    EXPECT_TRUE(told["members"][1]["answers"].get<bool>()) << "the member answers; it may be one of Patroni";
  }
}

TEST(Members, TheirEventsAreReadThroughAnotherMember) {
  Node node(leader());
  const std::string events = R"({"member": "n1", "last": 7, "events": []})";
  node.peers = {{"http://127.0.0.1:27201/tamada/events?since=6&newest=500", events},
                {"http://127.0.0.1:27202/tamada/events?since=0&newest=20", "junk"}};
  EXPECT_EQ(node.ask("GET", "/tamada/events?member=n1&since=6&newest=9999"), "200 " + events);
  EXPECT_EQ(node.ask("GET", "/tamada/events?member=n2&newest=20").substr(0, 3), "502");
  EXPECT_EQ(node.ask("GET", "/tamada/events?member=nosuch&newest=20").substr(0, 3), "404");
  node.peers.clear();
  EXPECT_EQ(node.ask("GET", "/tamada/events?member=n1").substr(0, 3), "502");
  EXPECT_TRUE(node.said().contains("n1 does not answer: connection refused")) << node.said();
  EXPECT_TRUE(node.ask("GET", "/tamada/events?member=n0").starts_with(R"(200 {"member": "n0")"));
}

TEST(Events, OnlyTheNewestAreSent) {
  Node node(leader());
  for (int i = 0; i < 20; ++i) node.publish([i](Snapshot& s) { s.role = i % 2 ? "primary" : "replica"; });
  const auto all = Json::parse(node.ask("GET", "/tamada/events").substr(4));
  const auto three = Json::parse(node.ask("GET", "/tamada/events?newest=3").substr(4));
  ASSERT_EQ(three["events"].size(), 3U);
  EXPECT_EQ(three["events"][2], all["events"].back());
  EXPECT_EQ(three["last"], all["last"]);
  const auto last = all["last"].get<int>();
  const auto two = Json::parse(node.ask("GET", "/tamada/events?newest=3&since=" + std::to_string(last - 2)).substr(4));
  EXPECT_EQ(two["events"].size(), 2U);
}

}  // namespace
}  // namespace tamada::api
