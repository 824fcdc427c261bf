// A daemon's control of its node's simulated PostgreSQL.
#pragma once

#include "postgres/postgres.h"
#include "sim/scheduler.h"
#include "sim/sim_server.h"

namespace tamada::sim {

// Known bugs that are put in on purpose; see docs/simulation.md.
struct Bugs;

class SimPostgres final : public postgres::Postgres {
 public:
  // synchronous: whether the leader sets synchronous_standby_names.
  SimPostgres(Life& life, const net::Clock& clock, SimServer& server, const Bugs& bugs,
              std::function<bool()> synchronous);
  ~SimPostgres() override;

  awaitable<core::PostgresView> observe(Duration timeout, Duration heartbeat) override;
  void on_exit(std::function<void()> callback) override;
  awaitable<core::UpstreamView> ask(core::Upstream upstream, Duration timeout) override;
  awaitable<core::Result<void>> bootstrap() override;
  awaitable<core::Result<void>> basebackup(core::Upstream upstream, std::vector<std::string> methods) override;
  awaitable<core::Result<void>> rewind(core::Upstream upstream) override;
  awaitable<core::Result<void>> start(const core::Upstream* upstream, Duration timeout) override;
  awaitable<core::Result<void>> stop(core::StopMode mode, bool checkpoint_first, Duration timeout) override;
  awaitable<core::Result<void>> promote() override;
  awaitable<core::Result<void>> follow(core::Upstream upstream) override;
  awaitable<core::Result<void>> sync_slots(std::vector<core::SlotSpec> create,
                                           std::vector<core::SlotDrop> drop) override;
  awaitable<core::Result<void>> advance_slots(std::vector<core::SlotAdvance> slots) override;
  awaitable<core::Result<void>> enforce_feedback(bool) override { co_return core::Result<void>(); }
  awaitable<core::Result<std::map<std::string, std::optional<core::Xid>>>> ask_slots(
      core::Upstream, std::vector<std::string>) override {
    co_return core::fail("no logical slots are modelled");
  }
  awaitable<core::Result<void>> copy_slots(core::Upstream, std::vector<core::SlotSpec>) override {
    co_return core::fail("logical slots are not simulated");
  }
  awaitable<core::Result<void>> set_sync_names(std::string names) override;
  awaitable<core::Result<void>> checkpoint() override;
  awaitable<core::Result<void>> archive_last_wal() override { co_return core::Result<void>(); }
  awaitable<core::Timeline> newest_history() override;
  awaitable<core::Result<std::vector<core::HistoryLine>>> timeline_history(core::Timeline timeline) override;
  awaitable<std::optional<bool>> same_beginning(core::Upstream other, core::Timeline timeline, core::Lsn from,
                                                Duration timeout) override;
  awaitable<core::Result<void>> set_aside(bool superseded) override;
  awaitable<core::ReplacedData> replaced_data(core::Duration) override { co_return core::ReplacedData(); }
  awaitable<core::Result<core::DataSize>> data_size(core::Duration) override { co_return core::DataSize(); }
  const wire::ServerParameters& server_parameters() const override {
    static const wire::ServerParameters none;
    return none;
  }
  awaitable<core::Result<void>> remove_superseded() override { co_return core::Result<void>(); }
  awaitable<core::Result<bool>> apply_configuration(bool asked) override;
  postgres::Progress progress() const override {
    return {.what = rewind_step_, .since = core::Instant::max(), .bytes_done = 0, .bytes_total = 0};
  }

 private:
  core::SqlView sql() const;
  const SimServer* source(const core::Upstream& upstream) const;
  awaitable<core::Result<void>> started(std::optional<core::Upstream> upstream, Duration timeout);
  bool reaches(const SimServer& other) const;
  void knock(Duration heartbeat);
  void look_at_disk(core::PostgresView& view);
  awaitable<bool> disk_fails();
  awaitable<core::Result<void>> make_commits_wait(const std::string& names);
  // Whether this step of the daemon's work fails by chance. The daemon may also be killed at this step.
  awaitable<bool> fails_at(std::string_view step);
  awaitable<bool> recover_alone();
  Machines& m() const { return server_.machines(); }

  Life& life_;
  const net::Clock& clock_;
  SimServer& server_;
  const Bugs& bugs_;
  std::function<bool()> synchronous_;
  std::function<void()> callback_;
  bool crashed_ = false;
  std::string rewind_step_;  // of the last pg_rewind
  std::optional<core::Instant> knocked_at_, silent_since_, writing_since_, commit_since_;
  bool files_are_loaded_ = false;                   // the same as in production's Node
  std::optional<core::Upstream> following_;         // the upstream that this daemon has written
  std::optional<std::string> imagined_sync_names_;  // for a known bug (bugs.h): the names that the daemon believes to
                                                    // be set
  std::optional<core::PostgresView> alive_;         // for a known bug (bugs.h): the last view of a running server
};

}  // namespace tamada::sim
