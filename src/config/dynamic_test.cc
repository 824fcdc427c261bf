#include "config/dynamic.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/effective.h"
#include "config/local.h"

namespace tamada::config {
namespace {

using namespace std::chrono_literals;

TEST(Merge, AsPatch) {
  const char* const cases[][3] = {
      {R"({"a":1,"b":{"c":2,"d":3}})", R"({"b":{"c":null,"e":4},"f":5})", R"({"a":1,"b":{"d":3,"e":4},"f":5})"},
      {R"({"a":{"b":1}})", R"({"a":2})", R"({"a":2})"},
      {R"({"a":2})", R"({"a":{"b":1}})", R"({"a":{"b":1}})"},
      {R"({"a":[1,2]})", R"({"a":[3]})", R"({"a":[3]})"},
      {R"({"a":1})", R"({"a":null,"b":null})", R"({})"},
      {R"({"b":1,"a":2})", R"({"b":3})", R"({"b":3,"a":2})"},
  };
  for (const auto& [base, patch, result] : cases) {
    EXPECT_EQ(merge(Json::parse(base), Json::parse(patch)).dump(), result) << patch;
  }
}

TEST(ParseDynamic, OnlyObjects) {
  EXPECT_TRUE(parse_dynamic(R"({"ttl":30})"));
  for (const char* text : {"", "[]", "{", "null", "5"}) EXPECT_FALSE(parse_dynamic(text)) << text;
}

core::Settings of(const char* dynamic, std::vector<std::string>* warnings = nullptr) {
  return settings(Local{}, Json::parse(dynamic), warnings);
}

TEST(Settings, Defaults) {
  std::vector<std::string> warnings;
  const auto s = of("{}", &warnings);
  EXPECT_EQ(s.ttl, 30s);
  EXPECT_EQ(s.loop_wait, 10s);
  EXPECT_EQ(s.retry_timeout, 10s);
  EXPECT_EQ(s.maximum_lag_on_failover, 1048576u);
  EXPECT_EQ(s.primary_start_timeout, 300s);
  EXPECT_EQ(s.primary_stop_timeout, 0s);
  EXPECT_EQ(s.member_slots_ttl, 30min);
  EXPECT_TRUE(s.use_slots);
  EXPECT_FALSE(s.pause || s.failsafe_mode || s.synchronous() || s.check_timeline || s.use_pg_rewind);
  EXPECT_TRUE(warnings.empty());
}

TEST(Settings, Intervals) {
  struct Case {
    const char* dynamic;
    int ttl, loop_wait, retry_timeout;
    std::size_t warnings;
  };
  const Case cases[] = {
      {R"({"ttl":"20","loop_wait":"1","retry_timeout":"3"})", 20, 1, 3, 0},
      {R"({"ttl":3,"loop_wait":1,"retry_timeout":1})", 3, 1, 1, 0},
      {R"({"ttl":2,"loop_wait":0,"retry_timeout":0})", 3, 1, 1, 3},
      {R"({"ttl":30,"loop_wait":20,"retry_timeout":10})", 30, 10, 10, 1},
      {R"({"ttl":20,"loop_wait":10,"retry_timeout":10})", 20, 1, 9, 1},
      {R"({"ttl":20})", 20, 1, 9, 1},
      {R"({"ttl":"long","loop_wait":[],"retry_timeout":null})", 30, 10, 10, 2},
      {R"({"ttl":1e300})", 30, 10, 10, 1},
  };
  for (const auto& [dynamic, ttl, loop_wait, retry_timeout, count] : cases) {
    std::vector<std::string> warnings;
    const auto s = of(dynamic, &warnings);
    EXPECT_EQ(s.ttl, std::chrono::seconds(ttl)) << dynamic;
    EXPECT_EQ(s.loop_wait, std::chrono::seconds(loop_wait)) << dynamic;
    EXPECT_EQ(s.retry_timeout, std::chrono::seconds(retry_timeout)) << dynamic;
    EXPECT_EQ(warnings.size(), count) << dynamic;
  }
}

TEST(Settings, AWarningNamesTheRangeThatAChangeIsJudgedBy) {
  std::vector<std::string> warnings;
  of(R"({"ttl":"abc"})", &warnings);
  EXPECT_EQ(
      warnings,
      (std::vector<std::string>{R"(ttl: "abc" does not fit, using 30; allowed: a whole number from 3 to 315360000)"}));
}

TEST(Settings, ValuesOlderNamesAndUnits) {
  const auto s = of(R"({"master_start_timeout":"60","primary_stop_timeout":5,"master_stop_timeout":9,
                        "maximum_lag_on_failover":0,"member_slots_ttl":"2h","pause":"on","failsafe_mode":true,
                        "synchronous_mode":"Quorum","check_timeline":"yes","max_timelines_history":"3",
                        "postgresql":{"use_slots":"off","use_pg_rewind":true}})");
  EXPECT_EQ(s.primary_start_timeout, 60s);
  EXPECT_EQ(s.primary_stop_timeout, 5s);
  EXPECT_EQ(s.maximum_lag_on_failover, 0u);
  EXPECT_EQ(s.member_slots_ttl, 2h);
  EXPECT_TRUE(s.pause && s.failsafe_mode && s.synchronous_mode == core::SynchronousMode::quorum && s.check_timeline &&
              s.use_pg_rewind);
  EXPECT_EQ(s.max_timelines_history, 3);
  EXPECT_FALSE(s.use_slots);
}

TEST(Settings, AnInvalidValueGivesTheDefaultAndAWarning) {
  for (const char* dynamic :
       {R"({"maximum_lag_on_failover":"1MB"})", R"({"primary_start_timeout":-1})", R"({"pause":"maybe"})",
        R"({"synchronous_mode":7})", R"({"member_slots_ttl":"5 parsecs"})", R"({"postgresql":{"use_slots":[]}})"}) {
    std::vector<std::string> warnings;
    const auto s = of(dynamic, &warnings);
    EXPECT_EQ(warnings.size(), 1u) << dynamic;
    EXPECT_EQ(s.maximum_lag_on_failover, 1048576u);
    EXPECT_EQ(s.primary_start_timeout, 300s);
    EXPECT_FALSE(s.pause || s.synchronous());
    EXPECT_TRUE(s.use_slots);
  }
}

TEST(Settings, AStandbyClusterHasNoSynchronousMode) {
  EXPECT_FALSE(of(R"({"synchronous_mode":true,"standby_cluster":{"host":"h"}})").synchronous());
  EXPECT_TRUE(of(R"({"synchronous_mode":true,"standby_cluster":{"host":""}})").synchronous());
}

TEST(Settings, Slots) {
  std::vector<std::string> warnings;
  const auto s = of(R"({"slots":{"p":null,"q":{"type":"physical","cluster_type":"standby"},"zero":0,
                        "l":{"database":"d","plugin":"x"},"m":{"type":"logical","database":"d","plugin":"x"},
                        "Bad-Name":null,"half":{"type":"logical","database":"d"},"word":"physical"},
                        "ignore_slots":[{"name":"n","type":"logical"},{"plugin":"x"},7]})",
                    &warnings);
  EXPECT_EQ(warnings.size(), 3u);
  ASSERT_EQ(s.slots.size(), 5u);
  EXPECT_TRUE(s.slots.at("p").physical && s.slots.at("zero").physical);
  EXPECT_EQ(s.slots.at("q").cluster_type, "standby");
  EXPECT_EQ(s.slots.at("l"), s.slots.at("m"));
  EXPECT_FALSE(s.slots.at("l").physical);
  ASSERT_EQ(s.ignore_slots.size(), 2u);
  EXPECT_EQ(s.ignore_slots[0].name + s.ignore_slots[0].type, "nlogical");
  EXPECT_EQ(of(R"({"permanent_slots":{"old":null},"slots":{"new":null}})").slots.count("old"), 1u);
  EXPECT_EQ(of(R"({"permanent_replication_slots":{"oldest":null}})").slots.count("oldest"), 1u);
}

TEST(Settings, StandbyCluster) {
  EXPECT_FALSE(of(R"({"standby_cluster":{"primary_slot_name":"s"}})").standby_cluster);
  const auto s = of(R"({"standby_cluster":{"host":"h","port":5433,"primary_slot_name":"s","restore_command":"r",
                        "create_replica_methods":["a","basebackup"],"recovery_min_apply_delay":"5min"}})");
  ASSERT_TRUE(s.standby_cluster);
  EXPECT_EQ(s.standby_cluster->host + ":" + s.standby_cluster->port, "h:5433");
  EXPECT_EQ(s.standby_cluster->create_replica_methods, (std::vector<std::string>{"a", "basebackup"}));
  EXPECT_EQ(s.standby_cluster->restore_command + s.standby_cluster->recovery_min_apply_delay, "r5min");
}

TEST(Settings, TheLocalFileDecidesForItsNode) {
  Local local;
  local.restapi.connect_address = "h:8008";
  local.restapi.certfile = "c";
  local.postgresql.connect_host = "::1";
  local.postgresql.connect_port = "5433";
  local.postgresql.use_pg_rewind = false;
  const auto s = settings(local, Json::parse(R"({"postgresql":{"use_pg_rewind":true}})"), nullptr);
  EXPECT_EQ(s.api_url, "https://h:8008/patroni");
  EXPECT_EQ(s.conn_url, "postgres://[::1]:5433/postgres");
  EXPECT_EQ(s.proxy_url, "");
  EXPECT_FALSE(s.custom_bootstrap);
  EXPECT_FALSE(s.may_bootstrap);
  local.bootstrap.present = true;
  local.postgresql.database = "app";
  local.postgresql.proxy_address = "pool:6432";
  local.bootstrap.method = Method{.name = "own", .command = "own"};
  const auto other = settings(local, Json::object(), nullptr);
  EXPECT_EQ(other.conn_url, "postgres://[::1]:5433/app");
  EXPECT_EQ(other.proxy_url, "postgres://pool:6432/app");
  EXPECT_TRUE(other.custom_bootstrap);
  EXPECT_TRUE(other.may_bootstrap);
  EXPECT_FALSE(s.use_pg_rewind);
}

}  // namespace
}  // namespace tamada::config
