#include "api/clusters.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;
using Json = nlohmann::ordered_json;

using Keys = std::vector<std::pair<std::string, std::string>>;  // in their order

// The keys of a cluster without concerns.
Keys keys_of(const std::string& scope) {
  const auto member = [](const char* role, int port) {
    return R"({"conn_url":"postgres://127.0.0.1:5432/postgres","api_url":"http://127.0.0.1:)" + std::to_string(port) +
           R"(/patroni","state":"running","role":")" + role + R"(","xlog_location":1000})";
  };
  return {{scope + "/config", R"({"ttl":30})"},
          {scope + "/initialize", "7711125456257864299"},
          {scope + "/leader", "n0"},
          {scope + "/members/n0", member("primary", 8008)},
          {scope + "/members/n1", member("replica", 8009)},
          {scope + "/status", R"({"optime":1500})"}};
}

void change(Keys& keys, const std::string& key, const std::string& value) {
  for (auto& [name, old] : keys) {
    if (name == key) old = value;
  }
}

void remove(Keys& keys, const std::string& key) {
  std::erase_if(keys, [&](const auto& one) { return one.first == key; });
}

std::vector<ClusterLine> lines_of(std::initializer_list<Keys> clusters) {
  ClusterLines lines;
  for (const auto& keys : clusters) {
    for (const auto& [key, value] : keys) lines.take(key, {.value = value, .mod_revision = 5});
  }
  return std::move(lines).finish();
}

TEST(Clusters, AreToldByTheirKeys) {
  const auto all = lines_of({keys_of("a-b"), keys_of("a"), {{"other", "x"}, {"other/thing", "y"}, {"/x", "z"}}});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(cluster_line_json(all[0]).dump(),
            R"({"scope":"a","leader":"n0","api_url":"http://127.0.0.1:8008/patroni","members":2,"running":2,)"
            R"("missing":0,"lag":500,"concerns":[]})");
  EXPECT_EQ(all[1].scope, "a-b");
}

TEST(Clusters, TheWorstIsFirst) {
  auto no_leader = keys_of("z"), paused = keys_of("b"), late = keys_of("c"), down = keys_of("d"), gone = keys_of("e"),
       alone = keys_of("f"), pending = keys_of("g");
  remove(no_leader, "z/leader");
  change(paused, "b/config", R"({"pause":true})");
  change(late, "c/config", R"({"maximum_lag_on_failover":499})");
  change(down, "d/members/n1", R"({"state":"stopped","trouble":"its disk is full"})");
  change(gone, "e/status", R"({"optime":1500,"members":{"n0":null,"n2":1764340000}})");
  remove(alone, "f/members/n1");
  change(pending, "g/members/n1", R"({"state":"running","pending_restart":true})");
  std::string told;
  for (const auto& line : lines_of({keys_of("a"), paused, late, down, gone, alone, pending, no_leader})) {
    told += line.scope + ":";
    for (const auto kind : line.concerns) told += " " + std::string(kind);
    told += "\n";
  }
  EXPECT_EQ(told,
            "z: no_leader\n"
            "c: behind\n"
            "d: not_running trouble\n"
            "e: missing\n"
            "f: no_standby\n"
            "b: paused\n"
            "g: pending_restart\n"
            "a:\n");
}

TEST(Clusters, UnreadableKeysDoNoHarm) {
  const auto all = lines_of({{{"a/config", "["},
                              {"a/leader", ""},
                              {"a/members/n1", "junk"},
                              {"a/members/", "{}"},
                              {"a/status", "-1"},
                              {"a/failover", "[]"}}});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].concerns.front(), "no_leader");
}

const std::string own = "/service/";

struct Etcd {
  Keys keys;  // of the own namespace
  std::size_t portion = 3;
  int reads = 0;
  std::string error;
  std::map<std::string, Keys> others;  // by namespace
  Keys foreign;                        // of other programs
  std::string others_error;

  ReadKeys reader() {
    return [this](std::string in, std::string after) -> awaitable<core::Result<KeysPage>> {
      ++reads;
      if (!error.empty()) co_return core::fail(error);
      KeysPage page;
      for (const auto& [key, value] : in == own ? keys : others.at(in)) {
        if (key <= after) continue;
        page.more = page.keys.size() == portion;
        if (page.more) break;
        page.keys.emplace_back(key, wire::RawKey{.value = value, .mod_revision = 5});
      }
      co_return page;
    };
  }

  ListNames lister() {
    return [this](std::string after) -> awaitable<core::Result<NamesPage>> {
      ++reads;
      if (!others_error.empty()) co_return core::fail(others_error);
      std::set<std::string> all;
      for (const auto& [key, value] : keys) all.insert(own + key);
      for (const auto& [in, theirs] : others) {
        for (const auto& [key, value] : theirs) all.insert(in + key);
      }
      for (const auto& [key, value] : foreign) all.insert(key);
      NamesPage page;
      auto next = all.upper_bound(after);
      for (; next != all.end() && page.names.size() < 20; ++next) page.names.push_back(*next);
      page.more = next != all.end();
      co_return page;
    };
  }
};

RestApiOptions reading(Etcd& etcd) {
  RestApiOptions options;
  options.namespace_ = own;
  options.list_names = etcd.lister();
  options.read_keys = etcd.reader();
  return options;
}

TEST(Clusters, AreReadInPortionsOnceForAllWhoAsk) {
  Etcd etcd;
  for (const char* scope : {"a", "b", "demo"}) std::ranges::copy(keys_of(scope), std::back_inserter(etcd.keys));
  Node node(leader(), reading(etcd));
  for (int i = 0; i < 10; ++i) node.ask("GET", "/tamada/clusters");
  EXPECT_EQ(etcd.reads, 6);
  const auto told = Json::parse(node.said().substr(4));
  EXPECT_EQ(told["scope"], "demo");
  EXPECT_TRUE(told["complete"].get<bool>());
  ASSERT_EQ(told["clusters"].size(), 3U);
  EXPECT_EQ(told["clusters"][1]["scope"], "b");
  EXPECT_EQ(told["clusters"][1]["members"], 2);
  node.pass(5s);
  node.ask("GET", "/tamada/clusters");
  EXPECT_EQ(etcd.reads, 12);
}

TEST(Clusters, TheirNumberIsLimited) {
  Etcd etcd{.keys = {}, .portion = 100};
  for (int i = 100'000; i < 100'000 + 25'000; ++i) etcd.keys.emplace_back(std::to_string(i) + "/leader", "n0");
  Node node(leader(), reading(etcd));
  const auto told = Json::parse(node.ask("GET", "/tamada/clusters").substr(4));
  EXPECT_FALSE(told["complete"].get<bool>());
  EXPECT_EQ(told["clusters"].size(), 1000U);
  EXPECT_LE(etcd.reads, 11);
  etcd = {.keys = {}, .portion = 100};
  for (int i = 100'000; i < 100'000 + 25'000; ++i) etcd.keys.emplace_back("a/" + std::to_string(i), "x");
  node.pass(5s);
  EXPECT_TRUE(node.ask("GET", "/tamada/clusters").contains("\"complete\": false"));
  EXPECT_EQ(etcd.reads, 200);
}

TEST(Clusters, AFailureIsToldAndNotRepeatedAtOnce) {
  Etcd etcd{.keys = {}, .error = "etcd: permission denied"};
  Node node(leader(), reading(etcd));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(node.ask("GET", "/tamada/clusters"), "503 etcd: permission denied");
  EXPECT_EQ(etcd.reads, 1);
}

// NAMESPACE SCOPE of each cluster in the answer.
std::vector<std::string> names_of(const Json& told) {
  std::vector<std::string> names;
  for (const auto& line : told["clusters"]) {
    names.push_back(line.value("namespace", "") + " " + line["scope"].get<std::string>());
  }
  return names;
}

Json ask_all(Node& node) { return Json::parse(node.ask("GET", "/tamada/clusters?namespaces=all").substr(4)); }

TEST(Namespaces, OfOthersAreFoundAndRead) {
  Etcd etcd{.keys = keys_of("demo"), .portion = 100};
  etcd.others = {{"/a/", keys_of("demo")}, {"/teams/blue/", keys_of("x")}, {"/teams/green/", keys_of("y")}};
  remove(etcd.others["/teams/green/"], "y/leader");
  Node node(leader(), reading(etcd));
  const auto told = ask_all(node);
  EXPECT_EQ(told["namespace"], "/service/");
  EXPECT_TRUE(told["complete"].get<bool>());
  EXPECT_FALSE(told.contains("other_namespaces"));
  EXPECT_EQ(names_of(told),
            (std::vector<std::string>{"/teams/green/ y", "/a/ demo", "/service/ demo", "/teams/blue/ x"}));
  // The plain answer has the own namespace only, and its form is the old one.
  const auto plain = Json::parse(node.ask("GET", "/tamada/clusters").substr(4));
  EXPECT_EQ(names_of(plain), std::vector<std::string>{" demo"});
  EXPECT_FALSE(plain.contains("namespace"));
}

TEST(Namespaces, WithinOneAnotherAreShownEach) {
  Etcd etcd{.keys = keys_of("demo"), .portion = 3};
  const auto put = [&](const std::string& name_space, const char* scope) {
    for (const auto& [key, value] : keys_of(scope)) {
      for (auto& [in, theirs] : etcd.others) {
        if (name_space.starts_with(in)) theirs.emplace_back(name_space.substr(in.size()) + key, value);
      }
      if (name_space.starts_with(own)) etcd.keys.emplace_back(name_space.substr(own.size()) + key, value);
    }
  };
  etcd.others = {{"/service/prod/", {}}, {"/service/prod/eu/", {}}, {"/teams/", {}}, {"/teams/blue/", {}}};
  put("/service/", "prod");  // named as a namespace is
  put("/service/prod/", "demo");
  put("/service/prod/eu/", "x");
  put("/teams/", "y");
  put("/teams/blue/", "y");
  std::ranges::sort(etcd.keys);
  for (auto& [in, theirs] : etcd.others) std::ranges::sort(theirs);
  Node node(leader(), reading(etcd));
  const std::vector<std::string> all = {"/service/ demo",      "/service/prod/ demo", "/service/ prod",
                                        "/service/prod/eu/ x", "/teams/ y",           "/teams/blue/ y"};
  auto told = ask_all(node);
  EXPECT_EQ(names_of(told), all);
  EXPECT_TRUE(told["complete"].get<bool>());
  for (const auto& line : told["clusters"]) EXPECT_EQ(line["members"], 2) << line.dump();
  auto within = reading(etcd);
  within.namespace_ = "/service/prod/";
  Node inner(leader(), within);
  told = ask_all(inner);
  EXPECT_EQ(told["namespace"], "/service/prod/");
  EXPECT_EQ(names_of(told), all);
}

TEST(Namespaces, OtherProgramsKeysAreLeftOut) {
  Etcd etcd{.keys = keys_of("demo"), .portion = 100};
  etcd.foreign = {{"/registry/configmaps/kube-system/config", "x"},
                  {"/registry/leases/kube-system/initialize", "x"},
                  {"/config", "x"},
                  {"/initialize", "x"},
                  {"no-slash/config", "x"},
                  {"no-slash/initialize", "x"}};
  for (int i = 0; i < 10'000; ++i) etcd.foreign.emplace_back("/registry/pods/" + std::to_string(i), "x");
  etcd.others = {{"/zoo/", keys_of("lion")}};
  Node node(leader(), reading(etcd));
  const auto told = ask_all(node);
  EXPECT_EQ(names_of(told), (std::vector<std::string>{"/service/ demo", "/zoo/ lion"}));
  EXPECT_TRUE(told["complete"].get<bool>());
  EXPECT_LE(etcd.reads, 60);  // a thousand names in portions of twenty, and a few more
}

TEST(Namespaces, TheirNumberIsLimited) {
  Etcd etcd{.keys = keys_of("demo"), .portion = 100};
  for (int i = 0; i < 300; ++i) etcd.others["/n" + std::to_string(i) + "/"] = keys_of("x");
  Node node(leader(), reading(etcd));
  const auto told = ask_all(node);
  EXPECT_FALSE(told["complete"].get<bool>());
  EXPECT_EQ(told["clusters"].size(), 51U);
  EXPECT_LE(etcd.reads, 200);
}

TEST(Namespaces, ThatMayNotBeReadAreToldAsSuch) {
  Etcd etcd{.keys = keys_of("demo"), .portion = 100, .others_error = "etcd: permission denied"};
  Node node(leader(), reading(etcd));
  const auto told = ask_all(node);
  EXPECT_EQ(names_of(told), std::vector<std::string>{"/service/ demo"});
  EXPECT_EQ(told["other_namespaces"], "etcd: permission denied");
}

TEST(Clusters, AreNotToldWithoutTheDashboard) {
  Etcd etcd{.keys = keys_of("a")};
  auto options = reading(etcd);
  options.ui = false;
  Node node(leader(), options);
  EXPECT_EQ(node.ask("GET", "/tamada/clusters").substr(0, 3), "404");
  EXPECT_EQ(etcd.reads, 0);
}

}  // namespace
}  // namespace tamada::api
