// Tests of the parsers of texts that PostgreSQL and its programs write.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "postgres/controldata.h"
#include "postgres/postmaster_pid.h"
#include "postgres/progress.h"
#include "postgres/sql_view.h"
#include "postgres/timeline_history.h"

namespace tamada::postgres {
namespace {

constexpr std::string_view controldata_output = R"(pg_control version number:            1300
Catalog version number:               202209061
Database system identifier:           7711125456257864299
Database cluster state:               shut down in recovery
pg_control last modified:             Sun 22 Nov 2026 10:25:24 PM UTC
Latest checkpoint location:           0/4000098
Latest checkpoint's REDO location:    0/4000060
Latest checkpoint's REDO WAL file:    000000010000000000000004
Latest checkpoint's TimeLineID:       2
Latest checkpoint's PrevTimeLineID:   1
Minimum recovery ending location:     0/4000148
Min recovery ending loc's timeline:   3
wal_level setting:                    replica
wal_log_hints setting:                on
max_connections setting:              50
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
WAL block size:                       16384
Bytes per WAL segment:                67108864
Data page checksum version:           1
)";

TEST(ControlData, Parses) {
  const auto data = parse_controldata(controldata_output);
  ASSERT_TRUE(data);
  EXPECT_EQ(data->file.system_identifier, "7711125456257864299");
  EXPECT_EQ(data->file.state, core::ControlState::shut_down_in_recovery);
  EXPECT_EQ(data->file.checkpoint, 0x4000098u);
  EXPECT_EQ(data->file.redo, 0x4000060u);
  EXPECT_EQ(data->file.timeline, 2u);
  EXPECT_EQ(data->file.min_recovery_end, 0x4000148u);
  EXPECT_EQ(data->file.min_recovery_timeline, 3u);
  EXPECT_TRUE(data->file.data_checksums);
  EXPECT_TRUE(data->file.wal_log_hints);
  const std::map<std::string, int> settings{{"max_connections", 50},
                                            {"max_worker_processes", 8},
                                            {"max_wal_senders", 10},
                                            {"max_prepared_transactions", 0},
                                            {"max_locks_per_transaction", 64}};
  EXPECT_EQ(data->minimum_settings, settings);
  EXPECT_EQ(data->wal.segment_size, 64u << 20);
  EXPECT_EQ(data->wal.page_size, 16384u);
  EXPECT_TRUE(data->wal.known());
}

TEST(ControlData, EveryState) {
  const std::pair<const char*, core::ControlState> states[] = {
      {"starting up", core::ControlState::starting_up},
      {"shut down", core::ControlState::shut_down},
      {"shutting down", core::ControlState::shutting_down},
      {"in crash recovery", core::ControlState::in_crash_recovery},
      {"in archive recovery", core::ControlState::in_archive_recovery},
      {"in production", core::ControlState::in_production},
  };
  for (const auto& [text, state] : states) {
    const auto data = parse_controldata(std::string("Database system identifier: 1\nDatabase cluster state: ") + text);
    ASSERT_TRUE(data) << text;
    EXPECT_EQ(data->file.state, state) << text;
  }
}

TEST(ControlData, NotAControlFile) {
  EXPECT_FALSE(parse_controldata(""));
  EXPECT_FALSE(parse_controldata("pg_controldata: error: could not open file"));
  EXPECT_FALSE(parse_controldata("Database system identifier: 1\nDatabase cluster state: unrecognized status code\n"));
}

TEST(TimelineHistory, Parses) {
  const auto lines = parse_timeline_history(
      "# comment\n1\t0/3000148\tno recovery target specified\n\n2\t16/B374D848\tafter LSN 16/B374D848\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].timeline, 1u);
  EXPECT_EQ(lines[0].lsn, 0x3000148u);
  EXPECT_EQ(lines[0].reason, "no recovery target specified");
  EXPECT_EQ(lines[1].timeline, 2u);
  EXPECT_EQ(lines[1].lsn, 0x16B374D848u);
  EXPECT_EQ(lines[1].reason, "after LSN 16/B374D848");
}

TEST(TimelineHistory, SkipsInvalidLines) {
  EXPECT_TRUE(parse_timeline_history("x\t0/1\ty\n1x\t0/1\n1\tzz\n1").empty());
  EXPECT_EQ(history_file_name(0x1A), "0000001A.history");
}

TEST(TimelineHistory, TheNewestOwnTimelineIsNoFetchedOne) {
  std::string folder = testing::TempDir() + "/pg_wal-XXXXXX";
  ASSERT_TRUE(::mkdtemp(folder.data()));
  const auto history = [&](core::Timeline timeline, const std::string& lines) {
    std::ofstream(folder + "/" + history_file_name(timeline)) << lines;
  };
  const core::ControlFile primary{.timeline = 1, .checkpoint = 0x5000060};
  EXPECT_EQ(newest_own_timeline(folder, primary), 1U);
  history(2, "1\t0/4000120\tno recovery target specified\n");
  EXPECT_EQ(newest_own_timeline(folder, primary), 1U) << "it left before the checkpoint";
  history(3, "1\t0/5000060\tx\n");
  EXPECT_EQ(newest_own_timeline(folder, primary), 1U) << "the checkpoint's record is not a part of it";
  history(4, "1\t0/5000061\tx\n");
  EXPECT_EQ(newest_own_timeline(folder, primary), 4U);

  core::ControlFile standby{.timeline = 1, .checkpoint = 0x4000000};
  standby.min_recovery_timeline = 2;
  standby.min_recovery_end = 0x6000000;
  EXPECT_EQ(newest_own_timeline(folder, standby), 2U);
  history(5, "1\t0/4000120\tx\n2\t0/5FFFFFF\tx\n");
  EXPECT_EQ(newest_own_timeline(folder, standby), 2U) << "it left before the end of the recovery so far";
  history(6, "1\t0/4000120\tx\n2\t0/6000000\tx\n");
  EXPECT_EQ(newest_own_timeline(folder, standby), 6U);
  std::filesystem::remove_all(folder);
}

TEST(PostmasterPid, Parses) {
  const auto file =
      parse_postmaster_pid("4242\n/srv/n0\n1795386303\n27100\n/run/postgresql\n127.0.0.1\n  123456  7\nready   \n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 4242);
  EXPECT_EQ(file->data_dir, "/srv/n0");
  EXPECT_EQ(file->start_time, 1795386303);
  EXPECT_EQ(file->port, "27100");
  EXPECT_EQ(file->socket_dir, "/run/postgresql");
  EXPECT_EQ(file->listen_address, "127.0.0.1");
  EXPECT_EQ(file->status, "ready");
}

TEST(PostmasterPid, HalfWrittenAndSingleUser) {
  const auto half = parse_postmaster_pid("4242\n/srv/n0\n1795386303\n");
  ASSERT_TRUE(half);
  EXPECT_EQ(half->status, "");
  EXPECT_EQ(parse_postmaster_pid("-17\n/srv/n0\n")->pid, -17);
  EXPECT_FALSE(parse_postmaster_pid(""));
  EXPECT_FALSE(parse_postmaster_pid("junk\n"));
  EXPECT_FALSE(parse_postmaster_pid("0\n"));
}

TEST(Basebackup, Progress) {
  const auto progress = parse_basebackup_progress(" 12345/67890 kB (18%), 0/1 tablespace");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->bytes_done, 12345u * 1024);
  EXPECT_EQ(progress->bytes_total, 67890u * 1024);
  EXPECT_FALSE(parse_basebackup_progress("waiting for checkpoint"));
  EXPECT_FALSE(parse_basebackup_progress(""));
}

TEST(SqlView, TimesAsPythonPrintsThem) {
  EXPECT_EQ(python_time("2026-11-22 22:25:03.912866+00"), "2026-11-22 22:25:03.912866+00:00");
  EXPECT_EQ(python_time("2026-11-22 22:25:03.000000-03:30"), "2026-11-22 22:25:03-03:30");
  EXPECT_EQ(python_time(""), "");
}

Row primary_row() {
  return {"f",
          "1",
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          "",
          "2026-11-22 22:25:03.912866+00",
          R"([{"usename":"replicator","application_name":"n2","client_addr":"127.0.0.1","state":"streaming",
              "sync_state":"sync","sync_priority":1,"pid":4711,"flush_lsn":67109000,"sync_lsn":67108000}])",
          "n2",
          R"([{"slot_name":"n2","slot_type":"physical","active":true,"lsn":67109000,"keeps_from":67100000},
              {"slot_name":"l","slot_type":"logical","active":false,"lsn":null,"database":"d","plugin":"p",
               "holds_xmin":true,"wal_status":"lost"}])",
          R"({"max_connections":["integer",null,"100","50"],"shared_buffers":["integer","8kB","16384","262144kB"],
              "hot_standby":["bool",null,"on","off"],"primary_conninfo":["string",null,"a","b"]})",
          std::nullopt,
          "1073741824",
          "7711125456257864299",
          "67109000"};
}

TEST(SqlView, Primary) {
  const auto answer = read_sql_view(primary_row(), false);
  ASSERT_TRUE(answer);
  const auto& view = answer->view;
  EXPECT_FALSE(view.in_recovery);
  EXPECT_EQ(view.timeline, 1u);
  EXPECT_EQ(view.wal_lsn, 67109000u);
  EXPECT_EQ(view.replication_state, "");
  ASSERT_EQ(view.replication.size(), 1u);
  EXPECT_EQ(view.replication[0].application_name, "n2");
  EXPECT_EQ(view.replication[0].flush_lsn, 67109000u);
  EXPECT_EQ(view.replication[0].sync_lsn, 67108000u);
  EXPECT_EQ(view.sync_names, "n2");
  ASSERT_EQ(view.slots.size(), 2u);
  EXPECT_TRUE(view.slots[0].active);
  EXPECT_FALSE(view.slots[1].physical);
  EXPECT_FALSE(view.slots[1].restart_lsn);
  EXPECT_EQ(view.slots[1].database + view.slots[1].plugin, "dp");
  EXPECT_TRUE(view.slots[1].holds_xmin && view.slots[1].lost);
  EXPECT_EQ(view.slots[0].keeps_from, 67100000u);
  EXPECT_FALSE(view.slot_keeps_at_most);
  EXPECT_EQ(view.max_wal_size, 1073741824u);
  EXPECT_FALSE(view.slots[0].holds_xmin || view.slots[0].lost);
  EXPECT_EQ(view.pending_restart.at("max_connections"), R"({"old_value":"100","new_value":"50"})");
  EXPECT_EQ(view.pending_restart.at("shared_buffers"), R"({"old_value":"128MB","new_value":"256MB"})");
  EXPECT_EQ(view.pending_restart.size(), 2u);
  EXPECT_EQ(answer->system_identifier, "7711125456257864299");
}

TEST(SqlView, Standby) {
  Row row = primary_row();
  row[0] = "t";
  row[2] = "1000";
  row[3] = "900";
  row[4] = "1200";
  row[6] = "t";
  row[7] = "streaming";
  auto view = read_sql_view(row, false)->view;
  EXPECT_TRUE(view.in_recovery);
  EXPECT_EQ(view.wal_lsn, 1000u);
  EXPECT_EQ(view.replay_lsn, 900u);
  EXPECT_EQ(view.latest_end_lsn, 1200u);
  EXPECT_TRUE(view.replay_paused);
  EXPECT_EQ(view.replication_state, "streaming");
  EXPECT_TRUE(view.pending_restart.contains("primary_conninfo"));  // on a primary this parameter has no effect
  EXPECT_FALSE(view.pending_restart.contains("hot_standby"));
  row[7] = std::nullopt;
  EXPECT_EQ(read_sql_view(row, false)->view.replication_state, "");
  row[8] = "cp %f %p";
  EXPECT_EQ(read_sql_view(row, false)->view.replication_state, "in archive recovery");
}

TEST(SqlView, AnotherAnswer) { EXPECT_FALSE(read_sql_view({"t"}, false)); }

}  // namespace
}  // namespace tamada::postgres
