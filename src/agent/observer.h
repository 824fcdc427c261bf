// The only part that reads: gathers the facts of this moment into one value.
#pragma once

#include "agent/cluster_store.h"
#include "agent/configuration.h"
#include "agent/jobs.h"
#include "core/observation.h"
#include "net/clock.h"
#include "postgres/postgres.h"

namespace tamada::agent {

// What actions have learned and what people have asked for, kept for the next observation.
struct Notes {
  std::map<std::string, core::PeerView> peers;
  core::Instant peers_asked_at{}, peers_answered_at{};
  core::LeaderMarks peers_asked_by;
  std::optional<core::UpstreamView> upstream, own_timeline;
  core::Timeline checkpointed = 0;  // the timeline of our last promotion, once a checkpoint has been done on it
  core::FailsafeView failsafe;
  bool slots_busy = false;  // a change of slots runs beside the cycle
  core::LeaderSlots leader_slots;
  core::Requests requests;
  core::Retries retries;
  std::uint64_t reloads = 0;    // how often a reload was asked for
  std::string set_aside_error;  // the error of the last attempt; empty when the attempt succeeded
};

class Observer {
 public:
  Observer(net::Clock& clock, postgres::Postgres& postgres, ClusterStore& store, const Jobs& jobs,
           const Configuration& configuration, const Notes& notes)
      : clock_(clock), postgres_(postgres), store_(store), jobs_(jobs), configuration_(configuration), notes_(notes) {}

  awaitable<core::Observation> observe();

 private:
  net::Clock& clock_;
  postgres::Postgres& postgres_;
  ClusterStore& store_;
  const Jobs& jobs_;
  const Configuration& configuration_;
  const Notes& notes_;
};

}  // namespace tamada::agent
