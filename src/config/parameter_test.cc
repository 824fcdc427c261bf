#include "config/parameter.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tamada::config {
namespace {

struct Same {
  ParameterType type;
  const char *unit, *setting, *wanted;
  bool same;
};

// The examples of Patroni's compare_values are among them.
TEST(ParameterValue, ComparedAsTheServerReadsThem) {
  const Same cases[] = {
      {ParameterType::enumeration, "", "remote_write", "REMOTE_WRITE", true},
      {ParameterType::enumeration, "", "on", "true", true},
      {ParameterType::text, "", "remote_write", "REMOTE_WRITE", false},
      {ParameterType::real, "", "1e-06", "0.000001", true},
      {ParameterType::integer, "MB", "6GB", "6GB", false},
      {ParameterType::integer, "", "6GB", "6GB", false},
      {ParameterType::integer, "16384kB", "64", " 0x400 MB ", true},
      {ParameterType::integer, "2MB", "524288", "1TB", true},
      {ParameterType::integer, "MB", "1048576", "1TB", true},
      {ParameterType::integer, "kB", "4098", "4097.5kB", true},
      {ParameterType::integer, "kB", "4097", "4097.4kB", true},
      {ParameterType::integer, "8kB", "16384", "128MB", true},
      {ParameterType::integer, "8kB", "16384", "16384", true},
      {ParameterType::integer, "ms", "90000", "1.5min", true},
      {ParameterType::integer, "s", "1", "1000 ms", true},
      {ParameterType::integer, "s", "100", "100kB", false},
      {ParameterType::integer, "", "8", "010", true},
      {ParameterType::integer, "", "-1", "-1", true},
      {ParameterType::integer, "", "10", "ten", false},
      {ParameterType::integer, "", "0", "", false},
      {ParameterType::real, "ms", "2", "2000us", true},
      {ParameterType::boolean, "", "on", "yes", true},
      {ParameterType::boolean, "", "on", "t", true},
      {ParameterType::boolean, "", "on", "o", false},
      {ParameterType::boolean, "", "off", "of", true},
      {ParameterType::boolean, "", "on", "1", true},
      {ParameterType::boolean, "", "off", "0", true},
      {ParameterType::boolean, "", "o", "o", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(same_value(c.type, c.unit, c.setting, c.wanted), c.same) << c.setting << " and " << c.wanted << c.unit;
  }
}

TEST(ParameterValue, Readable) {
  EXPECT_EQ(readable_value(ParameterType::integer, "8kB", "16384"), "128MB");
  EXPECT_EQ(readable_value(ParameterType::integer, "kB", "1025"), "1025kB");
  EXPECT_EQ(readable_value(ParameterType::integer, "8kB", "1663.84"), "13MB");
  EXPECT_EQ(readable_value(ParameterType::integer, "256MB", "4"), "1GB");
  EXPECT_EQ(readable_value(ParameterType::integer, "ms", "5"), "5ms");
  EXPECT_EQ(readable_value(ParameterType::real, "ms", "4.2"), "4200us");
  EXPECT_EQ(readable_value(ParameterType::real, "ms", "4.02"), "4020us");
  EXPECT_EQ(readable_value(ParameterType::integer, "ms", "-1"), "-1");
  EXPECT_EQ(readable_value(ParameterType::integer, "ms", "0"), "0");
  EXPECT_EQ(readable_value(ParameterType::integer, "", "100"), "100");
  EXPECT_EQ(readable_value(ParameterType::boolean, "", "on"), "on");
  EXPECT_EQ(readable_value(ParameterType::integer, "8kB", "128MB"), "128MB");
  EXPECT_EQ(readable_wanted(ParameterType::integer, "8kB", "131072kB"), "128MB");
  EXPECT_EQ(readable_wanted(ParameterType::integer, "8kB", "nonsense"), "nonsense");
}

TEST(ParameterTable, IsSortedAndKnowsTheVersions) {
  const auto table = parameter_table();
  const auto lower = [](std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
  };
  EXPECT_TRUE(std::ranges::is_sorted(table, {}, [&](const Parameter& p) { return lower(p.name); }));
  EXPECT_EQ(find_parameter("wal_keep_segments", 120000)->type, ParameterType::integer);
  EXPECT_EQ(find_parameter("wal_keep_segments", 130000), nullptr);
  EXPECT_EQ(find_parameter("wal_keep_size", 120000), nullptr);
  EXPECT_EQ(find_parameter("WAL_KEEP_SIZE", 130000)->unit, "MB");
  EXPECT_EQ(find_parameter("datestyle", 180000)->name, "DateStyle");
  EXPECT_EQ(find_parameter("io_method", 170000), nullptr);
  EXPECT_NE(find_parameter("io_method", 180000), nullptr);
  // A server does not start with a name that it does not know, and only some releases or builds know these names.
  EXPECT_EQ(find_parameter("logical_replication_mode", 160000), nullptr);
  EXPECT_EQ(find_parameter("extension_destdir", 150000), nullptr);
  EXPECT_EQ(find_parameter("restrict_nonsystem_relation_kind", 150000), nullptr);
  EXPECT_EQ(find_parameter("maintenance_work_mem", 170000)->min, 64);
}

TEST(MakeValid, DropsValuesThatWouldPreventTheStart) {
  std::map<std::string, std::string> parameters{
      {"Work_Mem", "64MB"},
      {"no_such", "1"},
      {"my.own", "1"},
      {"shared_buffers", "lots"},
      {"deadlock_timeout", "1"},
      {"checkpoint_timeout", "1d"},
      {"cursor_tuple_fraction", "all"},
      {"archive_mode", "Maybe"},
      {"fsync", "perhaps"},
      {"Fork_Setting", "1"},
      {"wal_keep_segments", "5"},
      {"log_destination", "x"},
      {"commit_siblings", "-5"},
      {"max_wal_size", "9PB"},
      {"autovacuum_naptime", "99999d"},
  };
  std::vector<std::string> warnings;
  make_valid(parameters, 150002, {"fork_setting"}, warnings);
  const std::map<std::string, std::string> left{
      {"Work_Mem", "64MB"},  {"my.own", "1"},          {"deadlock_timeout", "1"}, {"checkpoint_timeout", "1d"},
      {"Fork_Setting", "1"}, {"log_destination", "x"}, {"commit_siblings", "0"},  {"autovacuum_naptime", "2147483"}};
  EXPECT_EQ(parameters, left);
  const std::vector<std::string> said{
      "Removing enum parameter=archive_mode from the config due to the invalid value=Maybe",
      "Value=99999d of parameter=autovacuum_naptime is too big, decreasing to 2147483s",
      "Value=-5 of parameter=commit_siblings is too low, increasing to 0",
      "Removing real parameter=cursor_tuple_fraction from the config due to the invalid value=all",
      "Removing bool parameter=fsync from the config due to the invalid value=perhaps",
      "Removing integer parameter=max_wal_size from the config due to the invalid value=9PB",
      "Removing invalid parameter `no_such` from postgresql.parameters",
      "Removing integer parameter=shared_buffers from the config due to the invalid value=lots",
      "Removing invalid parameter `wal_keep_segments` from postgresql.parameters"};
  EXPECT_EQ(warnings, said);
  // A server of a version that the table does not cover judges its parameters itself.
  for (const auto& [version, left_over] : {std::pair{190000, 1u}, {180000, 0u}, {100000, 0u}, {90624, 1u}}) {
    parameters = {{"no_such", "1"}};
    make_valid(parameters, version, {}, warnings);
    EXPECT_EQ(parameters.size(), left_over) << version;
  }
}

TEST(MakeValid, AnEnumerationTakesItsWords) {
  struct Case {
    const char *name, *value;
    bool valid;
  };
  const Case cases[] = {
      {"default_transaction_isolation", "Repeatable Read", true},
      {"default_transaction_isolation", "read uncommitted", true},
      {"default_transaction_isolation", "read", false},
      {"ssl_max_protocol_version", "", true},
      {"ssl_max_protocol_version", "TLSv1.3", true},
      {"ssl_min_protocol_version", "", false},
      {"archive_mode", "yes", true},
      {"bytea_output", "on", false},
  };
  for (const auto& [name, value, valid] : cases) {
    std::map<std::string, std::string> parameters{{name, value}};
    std::vector<std::string> warnings;
    make_valid(parameters, 150002, {}, warnings);
    EXPECT_EQ(parameters.size(), valid ? 1u : 0u) << name << " = " << value;
  }
}

TEST(Parameter, Names) {
  for (const char* name : {"work_mem", "Work_Mem", "pg_stat_statements.max", "_x", "a1", "\xc3\xa4"}) {
    EXPECT_TRUE(is_parameter_name(name)) << name;
  }
  for (const char* name : {"", ".", "a.", ".a", "a.b.c", "1a", "a b", "a=b", "a'b", "a\nb", "x.y = '1'\nwork_mem",
                           "a-b", "#a", "include", "INCLUDE_dir", "include_if_exists"}) {
    EXPECT_FALSE(is_parameter_name(name)) << name;
  }
}

// This holds for unknown versions, too.
TEST(Parameter, ValuesThatAFileCannotExpressAreRemoved) {
  std::map<std::string, std::string> parameters{{"x.y = '1'\nwork_mem", "1"},
                                                {"include", "/etc/passwd"},
                                                {"work_mem", std::string("1\0MB", 4)},
                                                {"log_line_prefix", "a\nb: "}};
  std::vector<std::string> warnings;
  make_valid(parameters, 190000, {}, warnings);
  EXPECT_EQ(parameters, (std::map<std::string, std::string>{{"log_line_prefix", "a\nb: "}}));
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_EQ(warnings[2],
            "Removing invalid parameter \"x.y = '1'\\nwork_mem\" from postgresql.parameters: it is no name of a "
            "parameter");
}

}  // namespace
}  // namespace tamada::config
