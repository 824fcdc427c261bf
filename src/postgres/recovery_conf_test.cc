#include "postgres/recovery_conf.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "net/test_support.h"
#include "postgres/configuration.h"
#include "postgres/files.h"

namespace tamada::postgres {
namespace {

struct RecoverySettings : testing::Test {
  std::string root = testing::TempDir() + "tamada_recovery_XXXXXX";
  config::Local local;
  config::Json dynamic = config::Json::object();

  void SetUp() override {
    ASSERT_TRUE(::mkdtemp(root.data()));
    local.scope = "demo";
    local.name = "n1";
    local.postgresql.data_dir = local.postgresql.config_dir = root;
    local.postgresql.pgpass = root + "/pgpass";
    local.postgresql.replication.username = "replicator";
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  static bool written(awaitable<core::Result<bool>> work) {
    asio::io_context io{1};
    core::Result<bool> result = false;
    asio::co_spawn(io, std::move(work), [&result](std::exception_ptr, core::Result<bool> value) { result = value; });
    io.run();
    net::test::finish_other_threads();
    EXPECT_TRUE(result.has_value());
    return result.value_or(false);
  }
  void recovery(const char* json) { dynamic["postgresql"]["recovery_conf"] = config::Json::parse(json); }
};

// The settings are added, changed and removed, with the files of every version. A primary has none of them.
TEST_F(RecoverySettings, ReachTheFilesOfARunningStandby) {
  const Paths paths(local.postgresql);
  const core::Upstream upstream{.member = "n0", .conn_url = {}, .host = "127.0.0.1", .port = "5432"};
  for (int version = 100000; version <= 180000; version += 10000) {
    std::filesystem::remove(paths.conf);
    std::filesystem::remove(paths.recovery_conf);
    dynamic = config::Json::object();
    Configuration configuration(local, [this]() -> const config::Json& { return dynamic; }, paths);
    const auto now = [&](const char* name) -> std::string {
      const auto parameters = configuration.written_recovery(version);
      return parameters.contains(name) ? parameters.at(name) : "-";
    };
    EXPECT_TRUE(written(configuration.write_standby(upstream, version)));
    const auto conninfo = now("primary_conninfo");
    EXPECT_TRUE(conninfo.contains("host=127.0.0.1")) << version;

    recovery(R"({"restore_command": "cp 'a' %p", "recovery_min_apply_delay": 5000})");
    EXPECT_TRUE(written(configuration.write_standby_again(version))) << version;
    EXPECT_EQ(now("restore_command"), "cp 'a' %p") << version;
    EXPECT_EQ(now("recovery_min_apply_delay"), "5000");
    recovery(R"({"restore_command": "cp b %p"})");
    EXPECT_TRUE(written(configuration.write_standby_again(version))) << version;
    EXPECT_EQ(now("restore_command"), "cp b %p");
    EXPECT_EQ(now("recovery_min_apply_delay"), "-") << version;
    EXPECT_FALSE(written(configuration.write_standby_again(version))) << version;
    EXPECT_EQ(now("primary_conninfo"), conninfo);

    // A daemon that does not know yet which server its own follows does not touch these settings.
    Configuration another(local, [this]() -> const config::Json& { return dynamic; }, paths);
    recovery(R"({})");
    EXPECT_FALSE(written(another.write_standby_again(version))) << version;
    EXPECT_EQ(now("restore_command"), "cp b %p");
    EXPECT_TRUE(written(another.write_standby(upstream, version))) << version;
    EXPECT_EQ(now("restore_command"), "-");

    recovery(R"({"restore_command": "cp c %p"})");
    if (version >= 120000) {
      written(configuration.write_primary(version));
      EXPECT_EQ(configuration.written_recovery(version), Parameters()) << version;
    }
  }
}

TEST_F(RecoverySettings, OfPostgresqlAutoConfMakeTheFilesNotCurrent) {
  const Paths paths(local.postgresql);
  Configuration configuration(local, [this]() -> const config::Json& { return dynamic; }, paths);
  const core::Upstream nobody;
  const auto auto_conf = [&](const char* text) { ASSERT_TRUE(write_file(paths.auto_conf, text, 0600)); };
  auto_conf("work_mem = '1MB'\n");
  written(configuration.write_standby(nobody, 150000));
  EXPECT_TRUE(configuration.is_current(config::Role::replica));
  auto_conf("work_mem = '1MB'\nrestore_command = 'false'\n");
  EXPECT_FALSE(configuration.is_current(config::Role::replica));
  written(configuration.write_standby_again(150000));
  EXPECT_TRUE(configuration.is_current(config::Role::replica));
  EXPECT_EQ(read_file(paths.auto_conf), "work_mem = '1MB'\n");
}

// Before PostgreSQL 12, settings that are written after a start take effect at the next start.
TEST_F(RecoverySettings, BeforeVersion12WaitForARestart) {
  const Paths paths(local.postgresql);
  const auto write = [&](const Parameters& parameters) {
    ASSERT_TRUE(write_file(paths.recovery_conf, parameter_lines(parameters), 0600));
  };
  using Pending = std::map<std::string, std::string>;
  RecoveryConf file(paths);
  write({{"restore_command", "cp"}, {"recovery_min_apply_delay", "7s"}});
  file.read_by(100);
  EXPECT_EQ(file.pending(100, 0), Pending());
  write({{"restore_command", "mv"}, {"recovery_min_apply_delay", "7000"}, {"recovery_end_command", "x"}});
  EXPECT_EQ(file.pending(100, 0), (Pending{{"recovery_end_command", R"({"old_value":"","new_value":"x"})"},
                                           {"restore_command", R"({"old_value":"cp","new_value":"mv"})"}}));
  write({{"restore_command", "cp"}});
  EXPECT_EQ(file.pending(100, 0), (Pending{{"recovery_min_apply_delay", R"({"old_value":"7s","new_value":""})"}}));
  file.read_by(101);
  EXPECT_EQ(file.pending(101, 0), Pending());

  // For a server that was found running, the time of the file decides.
  RecoveryConf found(paths);
  struct stat status{};
  ASSERT_EQ(::stat(paths.recovery_conf.c_str(), &status), 0);
  EXPECT_EQ(found.pending(102, status.st_mtim.tv_sec), Pending());
  RecoveryConf changed(paths);
  EXPECT_EQ(changed.pending(102, status.st_mtim.tv_sec - 5),
            (Pending{{"recovery.conf", R"({"old_value":"?","new_value":"?"})"}}));
}

}  // namespace
}  // namespace tamada::postgres
