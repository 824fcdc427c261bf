#include "core/incremental.h"

#include <gtest/gtest.h>

namespace tamada::core {
namespace {

// A standby of timeline 3, which left timeline 2 at 900. Its last restartpoint is at 1000.
OldData standby() {
  return {.control = {.system_identifier = "7",
                      .state = ControlState::in_archive_recovery,
                      .timeline = 3,
                      .checkpoint = 1010,
                      .redo = 1000,
                      .min_recovery_end = 1200,
                      .min_recovery_timeline = 3},
          .timelines = {{.timeline = 2, .lsn = 500, .record = "a"}, {.timeline = 3, .lsn = 900, .record = "b"}}};
}

BackupSource leader() {
  return {.system_identifier = "7",
          .timeline = 3,
          .lsn = 5000,
          .history = {{.timeline = 1, .lsn = 500}, {.timeline = 2, .lsn = 900}},
          .timelines = standby().timelines};
}

// On timeline 4, which left timeline 3 at `fork`.
BackupSource newer_leader(Lsn fork) {
  auto source = leader();
  source.timeline = 4;
  source.history.push_back({.timeline = 3, .lsn = fork});
  return source;
}

std::string refused(const OldData& old, const BackupSource& source) {
  const auto base = incremental_base(old, source);
  return base ? "" : base.error().what;
}

TEST(Incremental, BeginsAtTheLastRestartpoint) {
  for (const auto& source : {leader(), newer_leader(1200), newer_leader(4000)}) {
    const auto base = incremental_base(standby(), source);
    ASSERT_TRUE(base) << base.error().what;
    EXPECT_EQ(base->timeline, 3u);
    EXPECT_EQ(base->redo, 1000u);
  }
}

TEST(Incremental, TheRestartpointMayBeOnAnOlderTimeline) {
  auto old = standby();
  old.control.timeline = 2;
  old.control.redo = 800;
  const auto base = incremental_base(old, leader());
  ASSERT_TRUE(base) << base.error().what;
  EXPECT_EQ(base->timeline, 2u);
  EXPECT_EQ(base->redo, 800u);
}

TEST(Incremental, TimelineOneNeedsNoProof) {
  auto old = standby();
  old.timelines.clear();
  old.control.timeline = old.control.min_recovery_timeline = 1;
  old.control.redo = 300;
  old.control.min_recovery_end = 400;
  EXPECT_TRUE(incremental_base(old, leader()));
  old.control.min_recovery_end = 501;
  EXPECT_EQ(refused(old, leader()), "they go on to 0/1F5 on timeline 1, and the source has it up to 0/1F4 only");
}

TEST(Incremental, OnlyAStandbysData) {
  for (const auto state : {ControlState::in_production, ControlState::shut_down, ControlState::shutting_down,
                           ControlState::in_crash_recovery, ControlState::starting_up, ControlState::unknown}) {
    auto old = standby();
    old.control.state = state;
    EXPECT_EQ(refused(old, leader()),
              "they are not those of a standby, so they may have changes that no other server has");
  }
  auto old = standby();
  old.control.state = ControlState::shut_down_in_recovery;
  EXPECT_EQ(refused(old, leader()), "");
}

TEST(Incremental, NothingBeyondTheSourcesHistory) {
  EXPECT_EQ(refused(standby(), newer_leader(1199)),
            "they go on to 0/4B0 on timeline 3, and the source has it up to 0/4AF only");
  auto behind = leader();
  behind.lsn = 1100;
  EXPECT_EQ(refused(standby(), behind), "they go on to 0/4B0 on timeline 3, and the source has it up to 0/44C only");
  auto older = leader();
  older.timeline = 2;
  EXPECT_EQ(refused(standby(), older), "they are on timeline 3, which the source does not have");
  // Blocks may be on disk up to there, although the last restartpoint is older.
  auto moved_on = standby();
  moved_on.control.timeline = 2;
  moved_on.control.redo = 800;
  EXPECT_EQ(refused(moved_on, older), "they are on timeline 3, which the source does not have");
  auto skips = newer_leader(4000);
  skips.history.pop_back();
  EXPECT_EQ(refused(standby(), skips), "the source's history does not have their timeline 3");
}

TEST(Incremental, ATimelineOfTheSameNumberIsNotEnough) {
  auto source = leader();
  source.timelines.back().record = "c";
  EXPECT_EQ(refused(standby(), source), "their timeline 3 is not that of the source");
  source.timelines.back() = {.timeline = 3, .lsn = 901, .record = "b"};
  EXPECT_EQ(refused(standby(), source), "their timeline 3 is not that of the source");
  source.timelines.back() = {.timeline = 3, .lsn = 900};
  const std::string unknown = "it is not known whether their timeline 3 is that of the source";
  EXPECT_EQ(refused(standby(), source), unknown);
  source.timelines.clear();
  EXPECT_EQ(refused(standby(), source), unknown);
  auto old = standby();
  old.timelines.pop_back();
  EXPECT_EQ(refused(old, leader()), unknown);
}

TEST(Incremental, TheSameClusterWithTheSameFormat) {
  auto old = standby();
  old.control.system_identifier = "8";
  EXPECT_EQ(refused(old, leader()), "they belong to another cluster, with the system identifier 8");
  old = standby();
  old.control.data_checksums = true;
  EXPECT_EQ(refused(old, leader()), "data checksums are on in them and off on the source");
  old = standby();
  old.control.redo = 0;
  EXPECT_EQ(refused(old, leader()), "their control file names no checkpoint");
}

}  // namespace
}  // namespace tamada::core
