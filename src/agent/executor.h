// The only part that changes anything: performs what was decided, in order. It decides nothing itself.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "agent/callbacks.h"
#include "agent/cluster_store.h"
#include "agent/configuration.h"
#include "agent/jobs.h"
#include "agent/observer.h"
#include "agent/peers.h"
#include "core/action.h"
#include "fence/fence.h"

namespace tamada::agent {

class Executor {
 public:
  struct Tools {
    net::Clock& clock;
    postgres::Postgres& postgres;
    ClusterStore& store;
    Jobs& jobs;
    Peers& peers;
    Callbacks& callbacks;
    Configuration& configuration;
    Notes& notes;
    fence::Fence& fence;
    std::function<void()> wake;
  };
  explicit Executor(Tools tools);

  awaitable<void> perform(core::Actions actions);
  std::optional<int> exit_code() const { return exit_code_; }
  // Notes the outcome, and logs the first of several failures in a row. Agent logs the others at each heartbeat.
  bool went_well(const std::string& what, const core::Result<void>& result);

 private:
  awaitable<void> act(core::EnsureLease);
  awaitable<void> act(core::RenewLease);
  awaitable<void> act(core::AcquireLeader);
  awaitable<void> act(core::ReleaseLeader);
  awaitable<void> act(core::RevokeLease);
  awaitable<void> act(core::PublishMember);
  awaitable<void> act(core::RaceInitialize);
  awaitable<void> act(core::CancelInitialize);
  awaitable<void> act(core::WriteInitialize);
  awaitable<void> act(core::WriteConfig);
  awaitable<void> act(core::WriteStatus);
  awaitable<void> act(core::WriteHistory);
  awaitable<void> act(core::WriteSync);
  awaitable<void> act(core::DeleteSync);
  awaitable<void> act(core::WriteFailsafe);
  awaitable<void> act(core::ClearFailover);
  awaitable<void> act(core::PollPeers);
  awaitable<void> act(core::AskFailsafe);
  awaitable<void> act(core::AskUpstream);
  awaitable<void> act(core::StartJob);
  awaitable<void> act(core::CancelJob);
  awaitable<void> act(core::Follow);
  awaitable<void> act(core::SyncSlots);
  awaitable<void> act(core::AdvanceSlots);
  awaitable<void> act(core::SetSyncNames);
  awaitable<void> act(core::AskSlots);
  awaitable<void> act(core::EnforceFeedback);
  awaitable<void> act(core::SetAside);
  awaitable<void> act(core::RemoveSuperseded);
  awaitable<void> act(core::ApplyConfiguration);
  awaitable<void> act(core::Checkpoint);
  awaitable<void> act(core::Tell);
  awaitable<void> act(core::RunCallback);
  awaitable<void> act(core::ForgetRequests);
  awaitable<void> act(core::ForgetScheduledRestart);
  awaitable<void> act(core::Exit);
  // Runs beside the cycle; until it has ended the next observation says slots_busy.
  awaitable<void> change_slots(awaitable<core::Result<void>> work);
  // Whether `text` differs from the last text about the subject, or is due again because a heartbeat has passed.
  bool is_news(const std::string& about, const std::string& text);
  // The decision demanded the lease; between the decision and the action the lease may have run out.
  bool lease_in_force() const;

  struct Told {
    std::string text;
    core::Instant at{};
  };
  Tools t_;
  std::map<std::string, Told> told_;
  struct SlowUpstream {
    std::string member;
    core::Duration timeout;  // of the next question to it
  };
  std::optional<SlowUpstream> slow_upstream_;  // the upstream that accepted a connection and did not answer in time
  std::optional<int> exit_code_;
};

}  // namespace tamada::agent
