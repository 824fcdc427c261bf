#include "ctl/config_edit.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ctl/commands.h"
#include "ctl/session.h"
#include "ctl/unified_diff.h"

namespace tamada::ctl {
namespace {

TEST(SetValues, Paths) {
  const struct {
    const char* before;
    std::vector<std::string> pairs;
    const char* after;
  } cases[] = {
      {R"({"ttl":30})", {"ttl=31"}, R"({"ttl":31})"},
      {R"({"ttl":30})", {"nosuch=1", "on=on", "text='on'"}, R"({"ttl":30,"nosuch":1,"on":true,"text":"on"})"},
      {R"({})", {"postgresql.parameters.work_mem=8MB"}, R"({"postgresql":{"parameters":{"work_mem":"8MB"}}})"},
      {R"({})", {"postgresql.parameters.pg_cron.x=a=b"}, R"({"postgresql":{"parameters":{"pg_cron.x":"a=b"}}})"},
      {R"({"postgresql":{"parameters":{"a":1}},"ttl":1})", {"postgresql.parameters.a=null"}, R"({"ttl":1})"},
      {R"({"slots":{"a":{"type":"physical"}},"ttl":1})", {"slots.a="}, R"({"ttl":1})"},
      {R"({"a":1})", {"a.b.c=[1, x]"}, R"({"a":{"b":{"c":[1,"x"]}}})"},
      {R"({"a":1})", {"b.c=null"}, R"({"a":1})"},
  };
  for (const auto& c : cases) {
    const auto changed = set_values(Json::parse(c.before), c.pairs);
    ASSERT_TRUE(changed) << changed.error().what;
    EXPECT_EQ(changed->dump(), c.after);
  }
  EXPECT_EQ(set_values(Json::object(), {"ttl"}).error().what, "Invalid parameter setting ttl");
}

TEST(SetValues, TheOrderOfKeysIsNoChange) {
  EXPECT_TRUE(same(Json::parse(R"({"a":1,"b":{"c":1,"d":2}})"), Json::parse(R"({"b":{"d":2,"c":1},"a":1})")));
  EXPECT_FALSE(same(Json::parse(R"({"a":1})"), Json::parse(R"({"a":"1"})")));
}

TEST(UnifiedDiff, AsDifflib) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(unified_diff("1\n2\n3\n4\n5\n", "1\n2\n3\n4\n6\n"), "--- \n+++ \n@@ -2,4 +2,4 @@\n 2\n 3\n 4\n-5\n+6\n");
  EXPECT_EQ(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\na\nb\n", "1\nx\n2\n3\n4\n5\n6\n7\n8\n9\ny\na\nb\n"),
            "--- \n+++ \n@@ -1,4 +1,5 @@\n 1\n+x\n 2\n 3\n 4\n@@ -7,5 +8,6 @@\n 7\n 8\n 9\n+y\n a\n b\n");
  EXPECT_EQ(unified_diff("x\n", "y\n"), "--- \n+++ \n@@ -1 +1 @@\n-x\n+y\n");
}

TEST(DcsUrl, AsPatroniReadsIt) {
  const struct {
    const char* text;
    const char* endpoint;
    const char* namespace_;
  } cases[] = {
      {"etcd3://random.com:2399", "http://random.com:2399", ""},
      {"etcd3://random.com:2399/customnamespace", "http://random.com:2399", "/customnamespace"},
      {"etcd://test", "http://test:2379", ""},
      {"etcd3://:2399", "http://localhost:2399", ""},
      {"10.0.0.1:2379", "http://10.0.0.1:2379", ""},
      {"", "http://localhost:2379", ""},
      {"etcd3://[::1]:2399/", "http://[::1]:2399", ""},
      {"https://etcd.example:2399/db", "https://etcd.example:2399", "/db"},
  };
  for (const auto& c : cases) {
    const auto url = parse_dcs_url(c.text);
    ASSERT_TRUE(url) << c.text;
    EXPECT_EQ(url->endpoint, c.endpoint) << c.text;
    EXPECT_EQ(url->namespace_, c.namespace_) << c.text;
  }
  EXPECT_EQ(parse_dcs_url("invalid://test").error().what, "Unknown dcs scheme: invalid");
  EXPECT_FALSE(parse_dcs_url("consul://a"));
}

}  // namespace
}  // namespace tamada::ctl
