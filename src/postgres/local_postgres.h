// The PostgreSQL server of this node.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/local.h"
#include "postgres/postgres.h"

namespace tamada::postgres {

class LocalPostgres final : public Postgres {
 public:
  // `local` may change in place (SIGHUP), except for the data directory. `dynamic` returns the current dynamic
  // configuration.
  LocalPostgres(asio::any_io_executor executor, const config::Local& local,
                std::function<const config::Json&()> dynamic);
  ~LocalPostgres() override;

  awaitable<core::PostgresView> observe(Duration timeout, Duration heartbeat) override;
  void on_exit(std::function<void()> callback) override;
  awaitable<core::UpstreamView> ask(core::Upstream upstream, Duration timeout) override;

  awaitable<Result<void>> bootstrap() override;
  awaitable<Result<void>> basebackup(core::Upstream upstream, std::vector<std::string> methods) override;
  awaitable<Result<void>> rewind(core::Upstream upstream) override;
  awaitable<Result<void>> start(const core::Upstream* upstream, Duration timeout) override;
  awaitable<Result<void>> stop(core::StopMode mode, bool checkpoint_first, Duration timeout) override;
  awaitable<Result<void>> promote() override;
  awaitable<Result<void>> copy_slots(core::Upstream from, std::vector<core::SlotSpec> slots) override;

  awaitable<Result<void>> follow(core::Upstream upstream) override;
  awaitable<Result<void>> sync_slots(std::vector<core::SlotSpec> create, std::vector<core::SlotDrop> drop) override;
  awaitable<Result<void>> advance_slots(std::vector<core::SlotAdvance> slots) override;
  awaitable<Result<std::map<std::string, std::optional<core::Xid>>>> ask_slots(core::Upstream leader,
                                                                               std::vector<std::string> slots) override;
  awaitable<Result<void>> set_sync_names(std::string names) override;
  awaitable<Result<void>> enforce_feedback(bool on) override;
  awaitable<Result<void>> checkpoint() override;
  awaitable<Result<void>> archive_last_wal() override;
  awaitable<Result<std::vector<core::HistoryLine>>> timeline_history(core::Timeline timeline) override;
  awaitable<core::Timeline> newest_history() override;
  awaitable<std::optional<bool>> same_beginning(core::Upstream other, core::Timeline timeline, core::Lsn from,
                                                Duration timeout) override;
  awaitable<Result<void>> set_aside(bool superseded) override;
  awaitable<core::ReplacedData> replaced_data(Duration timeout) override;
  awaitable<Result<core::DataSize>> data_size(Duration timeout) override;
  const wire::ServerParameters& server_parameters() const override;
  awaitable<Result<void>> remove_superseded() override;
  awaitable<Result<bool>> apply_configuration(bool asked) override;
  Progress progress() const override;

  // The functions that pg_rewind needs and `user` may not call. Grants are the same on all members, so the local server
  // is asked. nullopt when it cannot be asked.
  awaitable<std::optional<Result<std::vector<std::string>>>> rewind_functions_missing(std::string user,
                                                                                      Duration timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tamada::postgres
