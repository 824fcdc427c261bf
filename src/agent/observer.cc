#include "agent/observer.h"

#include <algorithm>

#include "core/divergence.h"

namespace tamada::agent {

using namespace std::chrono_literals;

awaitable<core::Observation> Observer::observe() {
  core::Observation seen;
  const auto& settings = configuration_.settings();
  seen.postgres =
      co_await postgres_.observe(std::clamp<core::Duration>(settings.retry_timeout / 4, 500ms, 3s), settings.loop_wait);
  // Nothing below suspends, so that all facts are of one moment.
  seen.now = clock_.now();
  seen.wall = clock_.wall();
  seen.self = configuration_.local().name;
  seen.settings = settings;
  // As in Patroni, a cluster whose key /config is gone is not paused, because nobody would write the key again in
  // pause.
  if (store_.view().loaded && !store_.view().config_json) seen.settings.pause = false;
  seen.cluster = store_.view();
  const bool in_vain = !settings.standby_cluster && core::beyond_the_fork(seen.postgres, seen.cluster);
  if (in_vain && seen.postgres.sql->replication_state == "streaming") seen.postgres.sql->replication_state.clear();
  seen.dcs = store_.dcs();
  seen.lease = store_.lease();
  seen.job = jobs_.view();
  seen.peers = notes_.peers;
  seen.peers_asked_at = notes_.peers_asked_at;
  seen.peers_asked_by = notes_.peers_asked_by;
  seen.peers_answered_at = notes_.peers_answered_at;
  seen.upstream = notes_.upstream;
  seen.own_timeline = notes_.own_timeline;
  seen.checkpointed = notes_.checkpointed;
  seen.failsafe = notes_.failsafe;
  seen.slots_busy = notes_.slots_busy;
  seen.leader_slots = notes_.leader_slots;
  seen.requests = notes_.requests;
  seen.retries = notes_.retries;
  seen.reloads = notes_.reloads;
  seen.set_aside_error = notes_.set_aside_error;
  co_return seen;
}

}  // namespace tamada::agent
