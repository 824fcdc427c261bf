#include "ctl/member_rows.h"

#include <gtest/gtest.h>

#include "dcs/cluster_cache.h"

namespace tamada::ctl {
namespace {

// A cluster made from keys as Patroni writes them.
core::ClusterView cluster(std::map<std::string, std::string> changed = {}) {
  const auto member = [](int n, const char* role, const char* state) {
    return R"({"conn_url":"postgres://127.0.0.1:2710)" + std::to_string(n) +
           R"(/postgres","api_url":"http://127.0.0.1:2720)" + std::to_string(n) +
           R"(/patroni","state":"running","role":")" + role + R"(","version":"4.1.4",)" + state + R"("timeline":1})";
  };
  constexpr auto streaming =
      R"("xlog_location":67108960,"replay_lsn":67108960,"receive_lsn":67108960,"replication_state":"streaming",)";
  std::map<std::string, std::string> keys = {
      {"config", R"({"synchronous_mode":true})"},
      {"initialize", "7711125456257864299"},
      {"leader", "n0"},
      {"members/n0", member(0, "primary", R"("xlog_location":67109000,)")},
      {"members/n1", member(1, "replica", streaming)},
      {"members/n2", member(2, "replica", streaming)},
      {"status", R"({"optime":67108960})"},
      {"sync", R"({"leader":"n0","quorum":0,"sync_standby":"n2"})"},
  };
  for (const auto& [key, value] : changed) keys[key] = value;
  dcs::Range range{.keys = {}, .count = static_cast<std::int64_t>(keys.size()), .revision = 1};
  for (const auto& [key, value] : keys) {
    if (!value.empty())
      range.keys.push_back({.key = "/" + key, .value = value, .create_revision = 1, .mod_revision = 1});
  }
  dcs::ClusterCache cache("/");
  cache.reset(range);
  return cache.view();
}

// The expected texts are what patronictl 4.1.4 printed.
TEST(List, Pretty) {
  EXPECT_EQ(format_members(cluster(), "demo", false, Format::pretty),
            R"(+ Cluster: demo (7711125456257864299) ----+-----------+----+-------------+-----+------------+-----+
| Member | Host            | Role         | State     | TL | Receive LSN | Lag | Replay LSN | Lag |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+
| n0     | 127.0.0.1:27100 | Leader       | running   |  1 |             |     |            |     |
| n1     | 127.0.0.1:27101 | Replica      | streaming |  1 |   0/4000060 |   0 |  0/4000060 |   0 |
| n2     | 127.0.0.1:27102 | Sync Standby | streaming |  1 |   0/4000060 |   0 |  0/4000060 |   0 |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+
)");
}

TEST(List, Extended) {
  EXPECT_EQ(
      format_members(cluster(), "demo", true, Format::pretty),
      R"(+ Cluster: demo (7711125456257864299) ----+-----------+----+-------------+-----+------------+-----+-----------------+------------------------+-------------------+------+
| Member | Host            | Role         | State     | TL | Receive LSN | Lag | Replay LSN | Lag | Pending restart | Pending restart reason | Scheduled restart | Tags |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+-----------------+------------------------+-------------------+------+
| n0     | 127.0.0.1:27100 | Leader       | running   |  1 |             |     |            |     |                 |                        |                   |      |
| n1     | 127.0.0.1:27101 | Replica      | streaming |  1 |   0/4000060 |   0 |  0/4000060 |   0 |                 |                        |                   |      |
| n2     | 127.0.0.1:27102 | Sync Standby | streaming |  1 |   0/4000060 |   0 |  0/4000060 |   0 |                 |                        |                   |      |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+-----------------+------------------------+-------------------+------+
)");
}

TEST(List, AfterASwitchover) {
  const auto view = cluster({
      {"config", "{}"},
      {"leader", "n2"},
      {"members/n0",
       R"({"conn_url":"postgres://127.0.0.1:27100/postgres","api_url":"x","state":"stopped","role":"replica"})"},
      {"members/n2",
       R"({"conn_url":"postgres://127.0.0.1:27102/postgres","state":"running","role":"primary","timeline":1})"},
  });
  EXPECT_EQ(format_members(view, "demo", false, Format::pretty),
            R"(+ Cluster: demo (7711125456257864299) -----------+----+-------------+-----+------------+-----+
| Member | Host            | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag |
+--------+-----------------+---------+-----------+----+-------------+-----+------------+-----+
| n0     | 127.0.0.1:27100 | Replica | stopped   |    |     unknown |     |    unknown |     |
| n1     | 127.0.0.1:27101 | Replica | streaming |  1 |   0/4000060 |   0 |  0/4000060 |   0 |
| n2     | 127.0.0.1:27102 | Leader  | running   |  1 |             |     |            |     |
+--------+-----------------+---------+-----------+----+-------------+-----+------------+-----+
)");
}

TEST(List, Topology) {
  const auto view = cluster({
      {"members/n1",
       R"({"conn_url":"postgres://127.0.0.1:27101/postgres","state":"running","tags":{"replicatefrom":"n2"}})"},
  });
  Table table = member_table(Json::parse(R"({"members":[]})"), "demo", "", false, Format::topology);
  EXPECT_EQ(table.title, " Cluster: demo (initializing) ");
  const auto text = format_members(view, "demo", false, Format::topology);
  EXPECT_LT(text.find("| n0 "), text.find("| + n2 ")) << text;
  EXPECT_LT(text.find("| + n2 "), text.find("|   + n1 ")) << text;
  EXPECT_NE(text.find("| {replicatefrom: n2} |"), text.npos) << text;
}

TEST(List, MachineFormats) {
  EXPECT_EQ(
      format_members(cluster(), "demo", false, Format::json),
      R"([{"Cluster": "demo", "Member": "n0", "Host": "127.0.0.1:27100", "Role": "Leader", "State": "running", "TL": 1}, {"Cluster": "demo", "Member": "n1", "Host": "127.0.0.1:27101", "Role": "Replica", "State": "streaming", "TL": 1, "Receive LSN": "0/4000060", "Receive Lag": 0, "Replay LSN": "0/4000060", "Replay Lag": 0}, {"Cluster": "demo", "Member": "n2", "Host": "127.0.0.1:27102", "Role": "Sync Standby", "State": "streaming", "TL": 1, "Receive LSN": "0/4000060", "Receive Lag": 0, "Replay LSN": "0/4000060", "Replay Lag": 0}]
)");
  EXPECT_EQ(format_members(cluster(), "demo", false, Format::tsv),
            "Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\n"
            "demo\tn0\t127.0.0.1:27100\tLeader\trunning\t1\t\t\t\t\n"
            "demo\tn1\t127.0.0.1:27101\tReplica\tstreaming\t1\t0/4000060\t0\t0/4000060\t0\n"
            "demo\tn2\t127.0.0.1:27102\tSync Standby\tstreaming\t1\t0/4000060\t0\t0/4000060\t0\n");
  const auto yaml = format_members(cluster(), "demo", false, Format::yaml);
  EXPECT_TRUE(
      yaml.starts_with("- Cluster: demo\n  Host: 127.0.0.1:27100\n  Member: n0\n  Role: Leader\n  State: running\n"
                       "  TL: 1\n- Cluster: demo\n"))
      << yaml;
}

TEST(List, AColumnAppearsIfAMemberHasAValueForIt) {
  const auto view = cluster({
      {"members/n1",
       R"({"conn_url":"postgres://10.0.0.2:5432/postgres","state":"running","role":"replica","pending_restart":true,"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"200"},"shared_preload_libraries":{"old_value":"","new_value":"pg_stat_statements,pg_cron,timescaledb"}},"scheduled_restart":{"schedule":"2030-01-01T00:00:00+00:00","postgres_version":"15.3"},"tags":{"nofailover":true,"zone":"b"},"xlog_location":67108960})"},
  });
  EXPECT_EQ(
      format_members(view, "demo", false, Format::pretty),
      R"(+ Cluster: demo (7711125456257864299) ----+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+------------------+
| Member | Host            | Role         | State     | TL | Receive LSN | Lag | Replay LSN | Lag | Pending restart | Pending restart reason                        | Scheduled restart                           | Tags             |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+------------------+
| n0     | 127.0.0.1:27100 | Leader       | running   |  1 |             |     |            |     |                 |                                               |                                             |                  |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+------------------+
| n1     | 10.0.0.2:5432   | Replica      | running   |    |     unknown |     |  0/4000060 |   0 | *               | max_connections: 100->200                     | 2030-01-01T00:00:00+00:00 if version < 15.3 | nofailover: true |
|        |                 |              |           |    |             |     |            |     |                 | shared_preload_libraries: [hidden - too long] |                                             | zone: b          |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+------------------+
| n2     | 127.0.0.1:27102 | Sync Standby | streaming |  1 |   0/4000060 |   0 |  0/4000060 |   0 |                 |                                               |                                             |                  |
+--------+-----------------+--------------+-----------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+------------------+
)");
}

TEST(List, LagIsInMegabytes) {
  const Json members = Json::parse(
      R"({"members":[{"name":"a","role":"replica","state":"running","host":"h","port":5432,"receive_lag":1572864,"receive_lsn":"0/1","replay_lag":524288,"replay_lsn":"0/1"}]})");
  const auto table = member_table(members, "demo", std::nullopt, false, Format::tsv);
  EXPECT_EQ(table.title, " Cluster: demo (uninitialized) ");
  EXPECT_EQ(table.rows[0][2], "h");  // the port is left out because all members use 5432
  EXPECT_EQ(table.rows[0][7], 2);
  EXPECT_EQ(table.rows[0][9], 0);  // Python rounds halves to even
}

TEST(List, ServiceInfo) {
  EXPECT_EQ(service_info(Json::parse(R"({"members":[]})")), "");
  EXPECT_EQ(service_info(Json::parse(
                R"({"pause":true,"scheduled_switchover":{"at":"2030-01-01T00:00:00+00:00","from":"n0","to":"n1"}})")),
            " Maintenance mode: on\n Switchover scheduled at: 2030-01-01T00:00:00+00:00\n"
            "                    from: n0\n                      to: n1\n");
}

}  // namespace
}  // namespace tamada::ctl
