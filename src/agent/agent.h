// Runs one node: observes, decides and acts until it has to exit; see docs/architecture.md for the flow.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/consents.h"
#include "agent/executor.h"
#include "agent/kept_files.h"
#include "agent/observer.h"
#include "api/board.h"
#include "api/commands.h"
#include "core/decide.h"
#include "fence/fence.h"

namespace tamada::agent {

class Agent final : public api::Commands {
 public:
  struct World {
    asio::any_io_executor executor;
    net::Clock& clock;
    dcs::Dcs& dcs;
    postgres::Postgres& postgres;
    Peers& peers;
    Configuration& configuration;
    KeptFiles& files;
    HostNote& consents;
    api::Board& board;
    fence::Fence& fence;
    std::function<core::Problems()> noticed = [] { return core::Problems(); };  // problems that other parts report
  };
  explicit Agent(World world);

  // Runs until a decision says Exit; returns the exit code.
  awaitable<int> run();
  void shutdown();  // stops the daemon as SIGTERM does

  // ---- api::Commands
  awaitable<void> refresh(core::Duration timeout) override;
  awaitable<core::Result<core::ClusterView>> read_keys() override;
  awaitable<core::Result<bool>> write_failover(core::FailoverRequest request, core::Revision expected) override;
  awaitable<core::Result<bool>> delete_failover(core::Revision expected) override;
  awaitable<core::Result<bool>> write_config(std::string json, core::Revision expected) override;
  std::optional<std::string> failsafe_leader(core::FailsafeLeader leader) override;
  void reload() override;
  void restart(core::RestartRequest request) override;
  void schedule_restart(std::optional<core::RestartRequest> request) override;
  awaitable<core::ReplacedData> replaced_data(core::Duration timeout) override;
  awaitable<core::Result<core::DataSize>> data_size(core::Duration timeout) override;
  const wire::ServerParameters& server_parameters() const override { return w_.postgres.server_parameters(); }
  void reinitialize(bool by_force, bool from_leader) override;
  // Sets the function that reads the local file again; main calls it.
  void on_reload(std::function<core::Result<config::Loaded>()> read_again) { read_again_ = std::move(read_again); }

 private:
  awaitable<void> cycle();
  void keep_fence(const core::Observation& seen);
  void keep_files(const core::Observation& seen);
  awaitable<void> take_configuration();
  awaitable<bool> has_duplicate();
  void resume_scheduled_restart();
  bool keep_consents();  // false: the next run of the daemon would believe a note that is not true any more
  void publish(core::Observation seen, core::Decision decision);
  void report(const core::Observation& seen, const core::Decision& decision);
  void tell_problems(const core::Problems& now);
  core::Instant wake_at() const;

  World w_;
  Notes notes_;
  net::Event wake_;
  ClusterStore store_;
  Jobs jobs_;
  Callbacks callbacks_;
  Observer observer_;
  Executor executor_;
  KeptFile configuration_copy_, members_copy_;
  MembersText members_text_;
  std::uint64_t files_after_job_ = 0;
  core::Memory memory_;
  std::optional<core::Instant> decided_wake_at_;
  std::string last_reason_;
  core::Problems told_problems_;
  core::Instant last_report_{};
  std::function<core::Result<config::Loaded>()> read_again_;
  std::uint64_t version_ = 0;
  // A reload that has still to be done. `due`: the server's files are written again. `asked`: somebody asked for it, so
  // PostgreSQL loads them even if they have not changed.
  struct ToApply {
    bool due = false, asked = false;
  } to_apply_;
  bool unique_ = false;  // no other daemon of our name runs in the cluster
  bool acting_ = false;  // the actions of a decision are being carried out
  core::Instant observed_at_{};
  std::vector<std::shared_ptr<net::Event>> waiting_for_publication_;
};

}  // namespace tamada::agent
