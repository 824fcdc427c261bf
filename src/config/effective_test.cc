// Tests of how the local configuration overrides the dynamic one, and of what a second reading changes.
#include "config/effective.h"

#include <gtest/gtest.h>

#include "config/validate.h"
#include "config/yaml.h"

namespace tamada::config {
namespace {

using Lines = std::vector<std::string>;

Local local_of(const char* yaml) {
  Problems problems;
  auto local = read_local(*parse_yaml(yaml, "n.yml"), {}, Purpose::ctl, problems);
  EXPECT_TRUE(problems.errors.empty());
  return local;
}

constexpr const char* node_yaml = R"(
name: n0
postgresql:
  listen: h:5432
  data_dir: /data
  callbacks: {on_start: /local}
  pg_ctl_timeout: 70
  parameters: {work_mem: 1MB}
)";

TEST(WithDynamic, TheLocalKeyWinsAndTheOthersCount) {
  Lines warnings;
  const auto local = local_of(node_yaml);
  const auto result = with_dynamic(local, Json::parse(R"({"postgresql": {
      "callbacks": {"on_start": "/dynamic", "on_stop": "/dynamic"}, "pg_ctl_timeout": 80, "pre_promote": "/fence",
      "create_replica_methods": ["own"], "own": {"command": "/own"}, "use_unix_socket": true,
      "listen": "elsewhere:1", "data_dir": "/elsewhere", "pgpass": "/elsewhere", "connect_address": "elsewhere:1",
      "parameters": {"work_mem": "2MB"}, "pg_hba": ["local all all trust"]}})"),
                                   &warnings);
  const auto& pg = result.postgresql;
  EXPECT_EQ(pg.callbacks, (std::map<std::string, std::string>{{"on_start", "/local"}}));
  EXPECT_EQ(pg.pg_ctl_timeout_s, 70);
  EXPECT_EQ(pg.pre_promote, "/fence");
  EXPECT_EQ(pg.create_replica_methods, Lines{"own"});
  EXPECT_EQ(pg.replica_methods.at("own").command, "/own");
  EXPECT_TRUE(pg.use_unix_socket);
  EXPECT_EQ(pg.listen_hosts, Lines{"h"});
  EXPECT_EQ(pg.data_dir, "/data");
  EXPECT_EQ(pg.pgpass, local.postgresql.pgpass);
  EXPECT_EQ(pg.connect_host, "h");
  EXPECT_EQ(pg.parameters.at("work_mem"), "1MB");
  EXPECT_TRUE(pg.pg_hba.empty());  // pg_hba is merged when the server's files are written
  EXPECT_TRUE(warnings.empty()) << warnings[0];
}

TEST(WithDynamic, MistakesAreWarnings) {
  Lines warnings;
  const auto result =
      with_dynamic(local_of(node_yaml),
                   Json::parse(R"({"postgresql": {"use_unix_socket": "perhaps", "pre_promote": []}})"), &warnings);
  EXPECT_EQ(warnings,
            (Lines{"/config: postgresql.use_unix_socket: is not a boolean; allowed: true, false, on, off, yes, no",
                   "/config: postgresql.pre_promote: is a list; allowed: text"}));
  EXPECT_FALSE(result.postgresql.use_unix_socket);
  EXPECT_EQ(result.postgresql.pre_promote, "");
}

TEST(WithDynamic, NothingToAdd) {
  for (const char* dynamic : {"{}", R"({"postgresql": 5})", R"({"postgresql": {"parameters": {}}})"}) {
    EXPECT_EQ(with_dynamic(local_of(node_yaml), Json::parse(dynamic), nullptr).postgresql.pg_ctl_timeout_s, 70)
        << dynamic;
  }
  EXPECT_EQ(with_dynamic(Local{}, Json::parse(R"({"postgresql": {"pg_ctl_timeout": 5}})"), nullptr)
                .postgresql.pg_ctl_timeout_s,
            60);
}

TEST(ChangedForNextStart, OnlySettingsThatCountAtTheStart) {
  const auto before = local_of("name: a\nlog: {level: INFO}\nrestapi: {listen: 'h:1'}\npostgresql: {data_dir: /a}\n");
  EXPECT_EQ(changed_for_next_start(before, before), Lines{});
  EXPECT_EQ(changed_for_next_start(before, local_of("name: a\nlog: {level: DEBUG}\nrestapi: {listen: 'h:1'}\n"
                                                    "postgresql: {data_dir: /a, parameters: {a: b}}\n")),
            Lines{});
  EXPECT_EQ(changed_for_next_start(before, local_of("name: b\nrestapi: {listen: 'h:2'}\n")),
            (Lines{"name", "restapi.listen", "postgresql.data_dir"}));
}

}  // namespace
}  // namespace tamada::config
