#include "config/server_configuration.h"

#include <gtest/gtest.h>

#include "config/effective.h"
#include "config/local.h"
#include "config/yaml.h"

namespace tamada::config {
namespace {

Local node() {
  Local local;
  local.scope = "demo";
  local.postgresql.listen_hosts = {"127.0.0.1"};
  local.postgresql.listen_port = "27100";
  local.postgresql.config_dir = "/data/n0";
  return local;
}

std::string command_line(const ServerConfiguration& configuration) {
  std::string text;
  for (const auto& [name, value] : configuration.command_line) text += (text.empty() ? "" : " ") + name + "=" + value;
  return text;
}

// The expected values are from the postmaster.opts and postgresql.conf of a node of Patroni 4.1.4.
TEST(ServerConfiguration, AsPatronisNode) {
  Local local = node();
  local.postgresql.parameters = {{"unix_socket_directories", "/tmp"}, {"max_connections", "999"}};
  const auto configuration = server_configuration(
      local,
      Json::parse(R"({"postgresql":{"parameters":{"hot_standby":"on","max_connections":50,"max_replication_slots":10,
        "max_wal_senders":10,"shared_buffers":"32MB","wal_keep_size":"128MB","wal_level":"replica","wal_log_hints":"on"}}})"),
      150020);
  EXPECT_EQ(
      command_line(configuration),
      "listen_addresses=127.0.0.1 port=27100 cluster_name=demo wal_level=replica hot_standby=on max_connections=50 "
      "max_wal_senders=10 max_prepared_transactions=0 max_locks_per_transaction=64 track_commit_timestamp=off "
      "max_replication_slots=10 max_worker_processes=8 wal_log_hints=on");
  const std::map<std::string, std::string> expected = {{"shared_buffers", "32MB"},
                                                       {"unix_socket_directories", "/tmp"},
                                                       {"wal_keep_size", "128MB"},
                                                       {"wal_retrieve_retry_interval", "1s"}};
  EXPECT_EQ(configuration.parameters, expected);
  EXPECT_TRUE(configuration.recovery.empty());
  EXPECT_TRUE(configuration.use_slots);
}

TEST(ServerConfiguration, GlobalParametersAreChecked) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"max_connections":24})", "max_connections=100"},
      {R"({"max_connections":25})", "max_connections=25"},
      {R"({"max_connections":"0x64"})", "max_connections=100"},
      {R"({"MAX_Connections":" 70 "})", "max_connections=70"},
      {R"({"max_connections":"many"})", "max_connections=100"},
      {R"({"max_worker_processes":1})", "max_worker_processes=8"},
      {R"({"max_worker_processes":2})", "max_worker_processes=2"},
      {R"({"max_locks_per_transaction":31})", "max_locks_per_transaction=64"},
      {R"({"max_locks_per_transaction":32})", "max_locks_per_transaction=32"},
      {R"({"max_wal_senders":2})", "max_wal_senders=10"},
      {R"({"max_wal_senders":3})", "max_wal_senders=3"},
      {R"({"max_replication_slots":3})", "max_replication_slots=10"},
      {R"({"max_replication_slots":4})", "max_replication_slots=4"},
      {R"({"max_prepared_transactions":-1})", "max_prepared_transactions=0"},
      {R"({"hot_standby":"off"})", "hot_standby=on"},
      {R"({"wal_level":"minimal"})", "wal_level=replica"},
      {R"({"wal_level":"LOGICAL"})", "wal_level=logical"},
      {R"({"wal_level":"hot_standby"})", "wal_level=replica"},
      {R"({"track_commit_timestamp":true})", "track_commit_timestamp=on"},
      {R"({"wal_log_hints":false})", "wal_log_hints=off"},
      {R"({"wal_log_hints":"perhaps"})", "wal_log_hints=on"},
      {R"({"port":1,"listen_addresses":"*","cluster_name":"x"})",
       "listen_addresses=127.0.0.1 port=27100 cluster_name=demo"},
  };
  for (const auto& [parameters, expected] : cases) {
    const Json dynamic = {{"postgresql", {{"parameters", Json::parse(parameters)}}}};
    const auto text = " " + command_line(server_configuration(node(), dynamic, 150000)) + " ";
    EXPECT_TRUE(text.contains(std::string(" ") + expected + " ")) << parameters << text;
  }
}

// The versions in which Patroni gives a parameter on the command line. The version 0 is not known.
TEST(ServerConfiguration, TheCommandLineOfEachVersion) {
  struct Case {
    int version;
    std::string first, last;
    std::size_t count;
  };
  const Case cases[] = {
      {0, "cluster_name=demo wal_level=logical", "wal_log_hints=on", 13},
      {90600, "cluster_name=demo wal_level=logical", "wal_log_hints=on", 13},
      {90500, "cluster_name=demo wal_level=logical", "wal_log_hints=on", 13},
      {90499, "port=27100 wal_level=logical", "wal_log_hints=on", 11},
      {90400, "port=27100 wal_level=logical", "wal_log_hints=on", 11},
      {90399, "port=27100 wal_level=logical", "max_locks_per_transaction=64", 8},
  };
  auto local = node();
  local.postgresql.listen_hosts = {"127.0.0.1", "::1"};
  const auto dynamic = Json::parse(R"({"postgresql":{"parameters":{"wal_level":"logical"}}})");
  for (const auto& [version, first, last, count] : cases) {
    const auto configuration = server_configuration(local, dynamic, version);
    const auto text = command_line(configuration);
    EXPECT_TRUE(text.starts_with("listen_addresses=127.0.0.1,::1 ")) << text;
    EXPECT_TRUE(text.contains(" " + first + " ")) << version << text;
    EXPECT_TRUE(text.ends_with(" " + last)) << version << text;
    EXPECT_EQ(configuration.command_line.size(), count) << version;
  }
  for (const auto& [version, level] : {std::pair{0, "replica"}, {90600, "replica"}, {90599, "hot_standby"}}) {
    EXPECT_TRUE(command_line(server_configuration(node(), Json(), version)).contains(std::string("wal_level=") + level))
        << version;
  }
}

TEST(ServerConfiguration, WalKeepByVersion) {
  struct Case {
    const char* parameters;
    int version;
    const char *name, *value;
  };
  const Case cases[] = {
      {R"({})", 150000, "wal_keep_size", "128MB"},
      {R"({"wal_keep_segments":20})", 130000, "wal_keep_size", "320MB"},
      {R"({"wal_keep_segments":20,"wal_keep_size":"1GB"})", 150000, "wal_keep_size", "1GB"},
      {R"({"wal_keep_size":"15MB"})", 150000, "wal_keep_size", "128MB"},
      {R"({"wal_keep_size":256})", 120000, "wal_keep_segments", "16"},
      {R"({"wal_keep_size":"1GB"})", 120000, "wal_keep_segments", "64"},
      {R"({})", 120000, "wal_keep_segments", "8"},
      {R"({"wal_keep_size":"16MB"})", 150000, "wal_keep_size", "16MB"},
      {R"({"wal_keep_size":"23MB"})", 120000, "wal_keep_segments", "1"},
      {R"({"wal_keep_size":"24MB"})", 120000, "wal_keep_segments", "2"},
      {R"({"wal_keep_segments":0})", 120000, "wal_keep_segments", "8"},
      {R"({"wal_keep_segments":1})", 120000, "wal_keep_segments", "1"},
      {R"({"wal_keep_segments":20})", 0, "wal_keep_segments", "20"},
      {R"({"wal_keep_size":"1GB"})", 0, "wal_keep_size", "1GB"},
  };
  for (const auto& [parameters, version, name, value] : cases) {
    const Json dynamic = {{"postgresql", {{"parameters", Json::parse(parameters)}}}};
    const auto configuration = server_configuration(node(), dynamic, version);
    ASSERT_EQ(configuration.parameters.size(), 2u) << parameters;  // and wal_retrieve_retry_interval
    EXPECT_EQ(configuration.parameters.begin()->first, name) << parameters;
    EXPECT_EQ(configuration.parameters.begin()->second, value) << parameters;
  }
}

TEST(ServerConfiguration, ParametersOfEachRole) {
  const auto dynamic = Json::parse(R"({"postgresql":{
      "parameters_standby_leader":{"work_mem":"3MB"},
      "pg_hba_primary":["hba of the primary"],"pg_hba_standby_leader":["hba of the standby leader"],
      "pg_ident_replica":["ident of a replica"],"pg_ident_standby_leader":["ident of the standby leader"]}})");
  const auto as = [&](Role role) { return server_configuration(node(), dynamic, 150000, false, role); };
  EXPECT_EQ(as(Role::primary).pg_hba, std::vector<std::string>{"hba of the primary"});
  EXPECT_EQ(as(Role::primary).pg_ident, std::vector<std::string>{});
  EXPECT_EQ(as(Role::replica).pg_hba, std::vector<std::string>{});
  EXPECT_EQ(as(Role::replica).pg_ident, std::vector<std::string>{"ident of a replica"});
  EXPECT_EQ(as(Role::replica).parameters.count("work_mem"), 0u);
  EXPECT_EQ(as(Role::standby_leader).pg_hba, std::vector<std::string>{"hba of the standby leader"});
  EXPECT_EQ(as(Role::standby_leader).pg_ident, std::vector<std::string>{"ident of the standby leader"});
  EXPECT_EQ(as(Role::standby_leader).parameters.at("work_mem"), "3MB");
}

// A list of a role in the node's own file replaces the one of the dynamic configuration, even if it is empty.
TEST(ServerConfiguration, TheNodesOwnSettingsOfEachRole) {
  using Written = std::vector<std::string>;
  auto local = node();
  local.postgresql.primary = {.parameters = {{"work_mem", "1MB"}}, .pg_hba = Written{"p"}, .pg_ident = Written{"pi"}};
  local.postgresql.replica = {.parameters = {{"work_mem", "2MB"}}, .pg_hba = Written{"r"}, .pg_ident = Written{}};
  local.postgresql.standby_leader = {
      .parameters = {{"work_mem", "3MB"}}, .pg_hba = Written{}, .pg_ident = Written{"si"}};
  const auto dynamic = Json::parse(R"({"postgresql":{"pg_hba":["x"],"pg_ident":["x"],
      "pg_hba_primary":["y"],"pg_hba_replica":["y"],"pg_hba_standby_leader":["y"],
      "pg_ident_primary":["y"],"pg_ident_replica":["y"],"pg_ident_standby_leader":["y"]}})");
  struct Case {
    Role role;
    const char* work_mem;
    Written pg_hba, pg_ident;
  };
  const Case cases[] = {{Role::primary, "1MB", {"p"}, {"pi"}},
                        {Role::replica, "2MB", {"r"}, {}},
                        {Role::standby_leader, "3MB", {}, {"si"}}};
  for (const auto& [role, work_mem, pg_hba, pg_ident] : cases) {
    const auto configuration = server_configuration(local, dynamic, 150000, false, role);
    EXPECT_EQ(configuration.parameters.at("work_mem"), work_mem);
    EXPECT_EQ(configuration.pg_hba, pg_hba) << work_mem;
    EXPECT_EQ(configuration.pg_ident, pg_ident) << work_mem;
  }
}

TEST(ServerConfiguration, LocalOverDynamic) {
  Local local = node();
  local.postgresql.parameters = {{"WORK_MEM", "8MB"}, {"hba_file", "x/hba.conf"}, {"ident_file", "y"}};
  const auto configuration = server_configuration(
      local, Json::parse(R"({"postgresql":{"use_slots":false,"parameters":{"work_mem":"4MB","archive_mode":true,
        "random_page_cost":1.1,"deadlock_timeout":500,"gone":null,"list":[1]}}})"),
      150000);
  const std::map<std::string, std::string> expected = {
      {"WORK_MEM", "8MB"},          {"archive_mode", "on"},
      {"deadlock_timeout", "500"},  {"hba_file", "/data/n0/x/hba.conf"},
      {"ident_file", "/data/n0/y"}, {"random_page_cost", "1.1"},
      {"wal_keep_size", "128MB"},   {"wal_retrieve_retry_interval", "1s"}};
  EXPECT_EQ(configuration.parameters, expected);
  EXPECT_FALSE(configuration.use_slots);
}

TEST(ServerConfiguration, Recovery) {
  using Map = std::map<std::string, std::string>;
  const Json dynamic =
      Json::parse(R"({"postgresql":{"recovery_conf":{"RESTORE_command":"cp a","recovery_target_time":"x",
      "recovery_target_timeline":"3","primary_conninfo":"y","standby_mode":"on"}}})");
  EXPECT_EQ(server_configuration(node(), dynamic, 150000).recovery, (Map{{"restore_command", "cp a"}}));

  Local local = node();
  local.postgresql.recovery_conf = {{"Archive_Cleanup_Command", "clean"}};
  EXPECT_EQ(server_configuration(local, dynamic, 150000).recovery, (Map{{"archive_cleanup_command", "clean"}}));

  local.postgresql.parameters = {{"Restore_Command", "cp b"}, {"recovery_min_apply_delay", "5min"}};
  const auto configuration = server_configuration(local, dynamic, 150000);
  EXPECT_EQ(configuration.recovery, (Map{{"recovery_min_apply_delay", "5min"}, {"restore_command", "cp b"}}));
  EXPECT_EQ(configuration.parameters.size(), 2u);  // wal_keep_size and wal_retrieve_retry_interval
}

TEST(ServerConfiguration, TheOperatorsRetryIntervalStays) {
  Local local = node();
  local.postgresql.parameters = {{"WAL_retrieve_retry_interval", "9s"}};
  const auto configuration = server_configuration(local, Json::object(), 150000);
  EXPECT_FALSE(configuration.parameters.contains("wal_retrieve_retry_interval"));
  EXPECT_EQ(configuration.parameters.at("WAL_retrieve_retry_interval"), "9s");
}

TEST(ServerConfiguration, TheSourceOfPgHba) {
  Local local = node();
  local.bootstrap.pg_hba = {"bootstrap"};
  EXPECT_EQ(server_configuration(local, Json::object(), 150000).pg_hba, std::vector<std::string>{});
  EXPECT_EQ(server_configuration(local, Json::object(), 150000, true).pg_hba, std::vector<std::string>{"bootstrap"});
  const Json dynamic = Json::parse(R"({"postgresql":{"pg_hba":["dynamic"],"pg_ident":["i"]}})");
  EXPECT_EQ(server_configuration(local, dynamic, 150000, true).pg_hba, std::vector<std::string>{"dynamic"});
  EXPECT_EQ(server_configuration(local, dynamic, 150000).pg_ident, std::vector<std::string>{"i"});
  local.postgresql.pg_hba = {"local"};
  local.postgresql.pg_ident = {"own"};
  EXPECT_EQ(server_configuration(local, dynamic, 150000).pg_hba, std::vector<std::string>{"local"});
  EXPECT_EQ(server_configuration(local, dynamic, 150000).pg_ident, std::vector<std::string>{"own"});
}

TEST(ServerConfiguration, InvalidValuesAreIgnored) {
  for (const char* dynamic :
       {"null", "[]", R"({"postgresql":5})", R"({"postgresql":{"parameters":[1],"pg_hba":{"a":1}}})",
        R"({"postgresql":{"pg_hba":[1,null],"recovery_conf":"x"}})"}) {
    const auto configuration = server_configuration(node(), Json::parse(dynamic), 0);
    EXPECT_EQ(configuration.command_line.size(), 13u) << dynamic;
    EXPECT_TRUE(configuration.pg_hba.empty());
  }
}

TEST(ServerConfiguration, TheLeaderNamesTheSynchronousStandbys) {
  const Json dynamic =
      Json::parse(R"({"synchronous_mode":true,"postgresql":{"parameters":{"Synchronous_Standby_Names":"*"}}})");
  EXPECT_FALSE(server_configuration(node(), dynamic, 150000).parameters.contains("Synchronous_Standby_Names"));
  Json without_mode = dynamic;
  without_mode.erase("synchronous_mode");
  EXPECT_TRUE(server_configuration(node(), without_mode, 150000).parameters.contains("Synchronous_Standby_Names"));
}

TEST(ServerConfiguration, SettingsOfARoleOverrideTheCommonOnes) {
  const auto dynamic = Json::parse(R"({"postgresql": {"parameters": {"work_mem": "1MB"}, "pg_hba": ["all"],
      "parameters_primary": {"work_mem": "2MB", "max_connections": 500, "archive_mode": true},
      "parameters_replica": {"work_mem": "3MB"}, "pg_hba_replica": ["replicas"], "pg_ident_primary": ["i"]}})");
  auto local = node();
  local.postgresql.parameters = {{"work_mem", "4MB"}, {"fsync", "off"}};
  local.postgresql.primary.parameters = {{"fsync", "on"}};
  local.postgresql.pg_hba = {};
  const auto primary = server_configuration(local, dynamic, 150000, false, Role::primary);
  EXPECT_EQ(primary.parameters.at("work_mem"), "2MB");
  EXPECT_EQ(primary.parameters.at("fsync"), "on");
  EXPECT_EQ(primary.parameters.at("archive_mode"), "on");
  EXPECT_FALSE(primary.parameters.contains("max_connections"))
      << "it has to be equal on all nodes, whatever their roles";
  EXPECT_EQ(primary.warnings.size(), 1u);
  EXPECT_EQ(primary.pg_hba, std::vector<std::string>{"all"});
  EXPECT_EQ(primary.pg_ident, std::vector<std::string>{"i"});
  const auto replica = server_configuration(local, dynamic, 150000, false, Role::replica);
  EXPECT_EQ(replica.parameters.at("work_mem"), "3MB");
  EXPECT_EQ(replica.pg_hba, std::vector<std::string>{"replicas"});
  EXPECT_EQ(server_configuration(local, dynamic, 150000, false, Role::standby_leader).parameters.at("work_mem"), "4MB");
}

}  // namespace
}  // namespace tamada::config
