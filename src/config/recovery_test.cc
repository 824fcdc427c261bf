#include "config/recovery.h"

#include <gtest/gtest.h>

#include "config/parameter.h"

namespace tamada::config {
namespace {

// The expectations follow pg_settings.context ("sighup" or "postmaster"); before 12 recovery.conf is read at the start.
TEST(Recovery, ParametersThatNeedARestartInEachVersion) {
  struct Line {
    const char* name;
    int reloads_since;
  };
  for (const auto& [name, since] :
       {Line{"restore_command", 14}, Line{"primary_conninfo", 13}, Line{"primary_slot_name", 13},
        Line{"archive_cleanup_command", 12}, Line{"recovery_end_command", 12}, Line{"recovery_min_apply_delay", 12},
        Line{"promote_trigger_file", 12}, Line{"Restore_Command", 14}, Line{"recovery_target_timeline", 99},
        Line{"recovery_target_action", 99}}) {
    for (int major = 10; major <= 18; ++major) {
      EXPECT_EQ(recovery_needs_restart(name, major * 10000 + 2), major < since) << name << " in " << major;
    }
  }
  EXPECT_FALSE(recovery_needs_restart("work_mem", 110000));
}

TEST(Recovery, ParametersForAStandbyOfEachVersion) {
  using Map = std::map<std::string, std::string>;
  const Map given{{"restore_command", "cp"},
                  {"archive_cleanup_command", "rm"},
                  {"recovery_end_command", "true"},
                  {"recovery_min_apply_delay", "5s"},
                  {"trigger_file", "/x"},
                  {"recovery_target_time", "now"},
                  {"primary_conninfo", "host=x"},
                  {"primary_slot_name", "x"},
                  {"standby_mode", "off"},
                  {"pause_at_recovery_target", "on"},
                  {"work_mem", "1MB"}};
  const Map common{{"restore_command", "cp"},
                   {"archive_cleanup_command", "rm"},
                   {"recovery_end_command", "true"},
                   {"recovery_min_apply_delay", "5s"}};
  for (int major = 10; major <= 18; ++major) {
    auto wanted = common;
    if (major < 12) wanted["trigger_file"] = "/x";
    if (major >= 12 && major < 16) wanted["promote_trigger_file"] = "/x";
    auto left = given;
    std::vector<std::string> warnings;
    make_valid_recovery(left, major * 10000, warnings);
    EXPECT_EQ(left, wanted) << major;
    ASSERT_EQ(warnings.size(), major < 16 ? 1u : 2u) << major;
    EXPECT_EQ(warnings[0], "postgresql.recovery_conf: work_mem is no parameter of recovery, it has no effect there");
    if (major < 16) continue;
    EXPECT_EQ(warnings[1], "Removing invalid parameter `promote_trigger_file` from postgresql.recovery_conf");
  }
  Map wrong{{"recovery_min_apply_delay", "soon"}, {"promote_trigger_file", "/x"}};
  std::vector<std::string> warnings;
  make_valid_recovery(wrong, 110000, warnings);
  EXPECT_EQ(wrong, (Map{{"trigger_file", "/x"}}));
}

TEST(Recovery, TheTableOfParametersHasThem) {
  EXPECT_NE(find_parameter("restore_command", 100000), nullptr);
  EXPECT_EQ(find_parameter("recovery_min_apply_delay", 150000)->unit, "ms");
  EXPECT_EQ(find_parameter("promote_trigger_file", 160000), nullptr);
  EXPECT_EQ(find_parameter("trigger_file", 120000), nullptr);
}

}  // namespace
}  // namespace tamada::config
