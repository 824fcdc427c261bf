#include "sim/checker.h"

#include <algorithm>

#include "wire/keys.h"

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {
constexpr Duration reaction = 1s;      // of a guard, or of a daemon that wakes after its machine was frozen
constexpr Duration settled_for = 12s;  // a member is judged when its state has not changed for this time
constexpr Duration under_way = 5s;     // for decisions that were made before all keys were deleted
constexpr Duration decided_lately = 3s;
constexpr Duration request_counts = 60s;     // a requested failover still counts this long after its key was last seen
constexpr Duration pause_known = 30s;        // after this time a daemon that reaches etcd has to know of a pause
constexpr std::size_t repetitions_max = 30;  // of the same action on a node
constexpr Duration repetition_within = 60s;
// How long members that have all of the old leader's WAL may take to take the key that it released.
constexpr Duration others_come_forward = 9s;

bool named_in(const core::SyncState& sync, const std::string& name) {
  return std::ranges::find(sync.standbys, name) != sync.standbys.end();
}

}  // namespace

Checker::Checker(Cluster& cluster) : c_(cluster) {
  c_.on_violation = [this](const std::string& what) { violation(what); };
  c_.on_decision = [this](Node& node, const api::Snapshot& snapshot) { decided(node, snapshot); };
  c_.machines.on_new_primary = [this](SimServer& server) { new_primary(server); };
  c_.machines.on_acknowledged = [this](SimServer& server, Lsn lsn) { acknowledged(server, lsn); };
  c_.machines.on_corruption = [this](SimServer& server, const std::string& what) { corrupted(server, what); };
  if (c_.origin) {
    tip_ = c_.origin->end.branch;
    may_be_promoted_ = false;
  }
  c_.store.on_change = [this](const dcs::KeyValue& kv, bool deleted) { key_changed(kv, deleted); };
}

void Checker::violation(const std::string& what) {
  c_.trace.line("CHECK", what);
  violations_.push_back(fmt::format("at {:.3f} s: {}", Trace::seconds(c_.scheduler.now()), what));
}

// Judges WAL of another history that reached a server. If no daemon runs, PostgreSQL alone checks the WAL: each record
// contains the position of the previous one, by which the server usually detects WAL of another history, and waits. A
// daemon that comes back has to detect it, too.
void Checker::corrupted(const SimServer& server, const std::string& what) {
  const auto& node = c_.node(server.node());
  const bool watched = node.daemon && !node.daemon->life->frozen() && node.daemon->board.latest()->seen.dcs.ok;
  if (watched) return violation("corruption: " + what);
  c_.trace.line("CHECK", what + "; its daemon is not there, or cut off");
}

const Node* Checker::leader_node() const {
  const auto* key = c_.store.find(c_.key("leader"));
  if (!key) return nullptr;
  for (const auto& node : c_.nodes) {
    if (node->name == key->value) return node.get();
  }
  return nullptr;
}

// ---- two primaries

// Whether no daemon could have prevented the violation, because the node's daemon was frozen, dead or paused, or
// somebody deleted the keys before it could notice that.
bool Checker::excused(const Node& node) const {
  const auto now = c_.scheduler.now();
  // The time in which a daemon that finds a primary after a pause has to end it. It may try to take the leader key for
  // as long as the stop may take afterwards (Settings::without_leader_key_for).
  const auto pause_ends = std::max<Duration>(6s, retry_timeout_max_) + reaction;
  if (node.left_in_pause || (node.paused_until != Time{} && now - node.paused_until < pause_ends)) return true;
  // A daemon waits until its time limit for a request that was lost before the network was healed.
  const auto asks_again = retry_timeout_max_ + reaction;
  const bool reaches_etcd = c_.in_control(node) && c_.network.both_ways(node.id, c_.dcs_endpoint()) &&
                            c_.network.loss == 0 && c_.network.slow == 0s && now - network_changed_at_ > asks_again &&
                            c_.store.up() && now - c_.store.up_since() > under_way;
  const auto taken = c_.store.taken_by_hand_at();
  if (taken && now - *taken < (reaches_etcd ? under_way : ttl_max_)) return true;
  if (c_.guard_runs && !node.guard_killed) {
    // The pause switched the guard off, and no daemon runs that could switch it on.
    if (node.saw_pause && (!node.daemon || node.daemon->life->frozen())) return true;
    // A guard that was started with a bound that is over ends the server in this instant.
    if (node.guarded_until && now >= SimClock::when(*node.guarded_until, node.clock)) return true;
    return node.machine_was_frozen && now - node.uncontrolled_until < reaction;
  }
  return !c_.in_control(node);
}

// A standby cluster takes no writes before somebody has removed the section from its configuration.
void Checker::check_standby_cluster() {
  if (may_be_promoted_) return;
  for (const auto& node : c_.nodes) {
    if (node->server.writable()) violation(node->name + " takes writes in a standby cluster");
  }
}

void Checker::after_event() {
  check_standby_cluster();
  if (c_.network.changes() != network_seen_ || c_.network.loss > 0 || c_.network.slow > 0s) {
    network_seen_ = c_.network.changes();
    network_changed_at_ = c_.scheduler.now();
  }
  std::vector<Node*> writable;
  for (auto& node : c_.nodes) {
    if (node->server.writable()) writable.push_back(node.get());
  }
  if (writable.size() < 2) {
    overlapping_ = false;
    return;
  }
  for (auto* node : writable) {
    if (node->daemon && node->daemon->board.latest()->seen.settings.pause) node->paused_until = c_.scheduler.now();
  }
  if (overlapping_) {
    // Two primaries may have begun while a daemon was out of control. One has to end when that is over.
    for (auto* node : writable) {
      if (node->server.end.branch == tip_ || excused(*node)) continue;
      violation(node->name + " goes on taking writes beside the leader, though its daemon is in control");
    }
    return;
  }
  overlapping_ = true;
  for (auto* node : writable) {
    if (node->server.end.branch == tip_) continue;
    if (excused(*node)) {
      ++statistics_.frozen_overlaps;
      c_.trace.line("CHECK", node->name + " takes writes beside the new leader; its daemon is not in control");
    } else {
      violation("two nodes take writes, " + node->name + " is not the one promoted last");
    }
  }
}

// ---- the client

void Checker::client() {
  const auto& load = c_.options.workload;
  if (load.pause_max == Duration::zero()) return;
  if (c_.origin && c_.origin->writable()) c_.origin->commit(c_.random.between(80, 4000));
  for (auto& node : c_.nodes) {
    if (!node->server.writable()) continue;
    const bool large = c_.random.chance(load.large);
    node->server.commit(large ? c_.random.between(100'000, 1'500'000) : c_.random.between(80, 4000));
  }
  c_.scheduler.after(c_.random.duration(load.pause_max / 30, load.pause_max), [this] { client(); });
}

// Notes an acknowledged commit. The members that the key sync names may be promoted and have this commit, so it must
// never be lost. A primary that has lost the leader key without its daemon being able to know that promises nothing.
void Checker::acknowledged(SimServer& server, Lsn lsn) {
  if (&server == c_.origin.get()) return;
  acknowledged_[server.end.branch].push_back(lsn);
  ++statistics_.commits;
  const auto& node = c_.node(server.node());
  // If somebody deleted the key by hand, an election may be under way that this primary does not know of.
  const auto taken = c_.store.taken_by_hand_at();
  const bool by_hand = taken && c_.scheduler.now() - *taken < ttl_max_;
  const bool leads = leader_node() == &node || (c_.in_control(node) && !by_hand);
  if (!leads || !synchronous_ || !keys_.sync || keys_.sync->leader != node.name) return;
  promised_[server.end.branch].push_back(lsn);
  ++statistics_.promised;
}

std::uint64_t Checker::lost_by(const SimServer& server, const Writes& writes) const {
  std::uint64_t lost = 0;
  Lsn limit = ~Lsn{0};
  for (int branch = tip_; branch >= 0; branch = c_.wal.of(branch).parent) {
    const Lsn kept = c_.wal.shared(server.end, branch);
    if (const auto it = writes.find(branch); it != writes.end()) {
      for (const Lsn lsn : it->second) lost += lsn > kept && lsn <= limit ? 1 : 0;
    }
    limit = std::min(limit, c_.wal.of(branch).fork);
  }
  return lost;
}

// ---- a new primary

// Whether an operator asked for this failover. An operator may name a member that the key sync does not name.
bool Checker::asked_for() const {
  if (c_.store.find(c_.key("failover"))) return true;
  return failover_key_at_ && c_.scheduler.now() - *failover_key_at_ < request_counts;
}

void Checker::check_promises(const SimServer& server) {
  if (asked_for() || paused_anywhere()) return;
  if (const auto lost = lost_by(server, promised_); lost > 0) {
    violation(
        fmt::format("{} commits are lost that the key sync promised to keep, {} is the primary", lost, server.name()));
  }
}

void Checker::check_may_lead(const Node& node) {
  if (asked_for() || paused_anywhere()) return;
  const auto& sync = keys_.sync;
  const bool named = !sync || sync->leader.empty() || sync->leader == node.name || named_in(*sync, node.name);
  if (synchronous_ && !quorum_ && !named)
    violation(node.name + " takes the leader key, and is not named in the key sync");
  const auto& members = keys_.failsafe;
  if (failsafe_ && members && !members->empty() && !members->contains(node.name) && !node.server.writable()) {
    violation(node.name + " takes the leader key, and is not named in the key failsafe");
  }
}

void Checker::new_primary(SimServer& server) {
  const auto& node = c_.node(server.node());
  const int branch = server.end.branch;
  const bool bootstrapped = c_.wal.of(branch).parent < 0;
  if (bootstrapped) {
    if (tip_ >= 0) violation(node.name + " makes a new cluster, though there is one");
    tip_ = branch;
    return;
  }
  ++statistics_.failovers;
  const auto lost = lost_by(server, acknowledged_);
  statistics_.lost += lost;
  if (lost > 0) c_.trace.line("CHECK", fmt::format("{} acknowledged writes are lost by this promotion", lost));
  if (node.nofailover) violation(node.name + " is promoted, and is tagged as nofailover");
  if (const auto* leader = leader_node(); leader != &node) {
    const bool paused = node.daemon && node.daemon->board.latest()->seen.settings.pause;
    // The machine may have been frozen during a promotion, the server may have hung, or somebody may have revoked the
    // lease during it. That ends as soon as the daemon can act.
    if (!c_.in_control(node) || excused(node)) return;
    if (leader && !paused) violation(node.name + " is promoted without the leader key");
  }
  const auto limit = static_cast<Lsn>(c_.maximum_lag_max);
  const bool named_by_operator = asked_for() && keys_.failover_to(node.name);
  if (optime_ > server.end.lsn + limit && !named_by_operator) {
    violation(fmt::format("{} is promoted {} bytes behind the last published position, more than {}", node.name,
                          optime_ - server.end.lsn, limit));
  }
  if (handed_over_) {
    ++statistics_.handovers;
    // If no member with all of the WAL takes the key for long, this counts as a failover.
    if (lost > 0 && c_.scheduler.now() - handed_over_at_ < others_come_forward)
      violation(fmt::format("{} acknowledged writes are lost by a clean hand-over to {}", lost, node.name));
  }
  if (!asked_for() && !paused_anywhere()) {
    if (const auto* better = healthier(node)) {
      violation(node.name + " is promoted, though " + better->name + " has more of the WAL and was there to be asked");
    }
  }
  handed_over_ = false;
  check_promises(server);
  tip_ = branch;
}

bool Checker::paused_anywhere() const {
  return std::ranges::any_of(
      c_.nodes, [](const auto& node) { return node->daemon && node->daemon->board.latest()->seen.settings.pause; });
}

// A member that the winner of the race could have asked and that should have won.
const Node* Checker::healthier(const Node& chosen) const {
  const auto now = c_.scheduler.now();
  // The promotion took long, and the members' positions have changed since the race.
  if (now - leader_since_ > decided_lately) return nullptr;
  if (c_.network.loss > 0 || c_.network.slow > 0s) return nullptr;
  for (const auto& other : c_.nodes) {
    const auto& server = other->server;
    const bool settled = now - server.running_since > settled_for && now - server.received_at > settled_for;
    if (other.get() == &chosen || other->nofailover || !c_.in_control(*other) || !server.answers() || !settled)
      continue;
    if (!server.recovery || !c_.network.both_ways(chosen.id, other->id) || now - network_changed_at_ < settled_for)
      continue;
    if (!c_.network.both_ways(other->id, c_.dcs_endpoint())) continue;
    const auto& members = keys_.failsafe;
    if (failsafe_ && members && !members->empty() && !members->contains(other->name)) continue;
    // If the key sync decides, members that it does not name do not count, and neither does the old primary.
    if (sync_at_race_ && !named_in(*sync_at_race_, other->name)) continue;
    // Positions are compared on the parent branch, because the chosen member has just begun its own.
    const Position before{c_.wal.of(chosen.server.end.branch).parent, chosen.server.end.lsn};
    if (server.end.branch == before.branch && server.end.lsn > before.lsn) return other.get();
  }
  return nullptr;
}

// Whether the cluster is paused and the node has been able to read that for long.
bool Checker::must_know_of_pause(const Node& node) const {
  const auto now = c_.scheduler.now();
  return paused_at_ && now - *paused_at_ > pause_known && now - network_changed_at_ > pause_known &&
         c_.in_control(node) && c_.store.up() && now - c_.store.up_since() > pause_known && c_.network.loss == 0 &&
         c_.network.slow == 0s && c_.network.both_ways(node.id, c_.dcs_endpoint());
}

// Checks that a failing action is not tried again and again without a pause.
void Checker::check_repetition(Node& node, const core::Decision& decision) {
  const auto now = c_.scheduler.now();
  for (const auto& action : decision.actions) {
    const auto* job = std::get_if<core::StartJob>(&action);
    const bool acts =
        job || std::holds_alternative<core::SetAside>(action) || std::holds_alternative<core::Follow>(action) ||
        std::holds_alternative<core::CancelJob>(action) || std::holds_alternative<core::ReleaseLeader>(action) ||
        std::holds_alternative<core::SyncSlots>(action) || std::holds_alternative<core::EnforceFeedback>(action) ||
        std::holds_alternative<core::ApplyConfiguration>(action);
    if (!acts) continue;
    const auto what = fmt::format("[{}] {}{}", decision.rule, core::name(action),
                                  job ? fmt::format(" {}", core::name(job->kind)) : "");
    auto& times = node.decided[what];
    times.push_back(now);
    while (now - times.front() > repetition_within) times.pop_front();
    if (times.size() > repetitions_max) {
      times.clear();
      violation(fmt::format("{} decides {} more than {} times within {:.0f} s: {}", node.name, what, repetitions_max,
                            Trace::seconds(repetition_within), decision.reason));
    }
  }
}

void Checker::decided(Node& node, const api::Snapshot& snapshot) {
  check_repetition(node, snapshot.decision);
  const auto& seen = snapshot.seen;
  const auto& requests = seen.requests;
  const auto& memory = snapshot.decision.memory;
  const bool asked = requests.shutdown || requests.restart || requests.reinitialize || memory.restarting ||
                     seen.cluster.failover || memory.hand_over.under_way() || memory.callbacks.role == "demoted" ||
                     seen.cluster.failover_revision != 0;
  const bool paused = seen.settings.pause || must_know_of_pause(node);
  for (const auto& action : snapshot.decision.actions) {
    if (paused && !asked && std::holds_alternative<core::StartJob>(action)) {
      violation(fmt::format("{} acts in pause without request: [{}] {}", node.name, snapshot.decision.rule,
                            snapshot.decision.reason));
    }
    if (node.nofailover && std::holds_alternative<core::AcquireLeader>(action) && seen.postgres.running_standby() &&
        seen.settings.tags.nofailover) {
      violation(node.name + " reaches for the leader key, and is tagged as nofailover");
    }
  }
}

// ---- keys

void Checker::key_changed(const dcs::KeyValue& kv, bool deleted) {
  if (kv.key == c_.key("leader")) {
    if (deleted) {
      leader_deleted(kv);
    } else {
      c_.trace.line("etcd", "leader: " + kv.value);
      // A leader that moves its own key to the lease of its next run does not take the key anew.
      if (kv.create_revision == kv.mod_revision) key_taken();
    }
  }
  if (kv.key == c_.key("failover")) {
    failover_key_at_ = c_.scheduler.now();
    if (!deleted) wire::apply_put(keys_, "failover", {.value = kv.value, .mod_revision = kv.mod_revision});
    c_.trace.line("etcd", "failover: " + (deleted ? "-" : kv.value));
  }
  if (kv.key == c_.key("config")) {
    const bool paused = !deleted && (kv.value.contains("\"pause\": true") || kv.value.contains("\"pause\":true"));
    if (paused != paused_at_.has_value()) paused_at_ = paused ? std::optional(c_.scheduler.now()) : std::nullopt;
    config_written(deleted ? "" : kv.value);
  }
  for (const std::string name : {"sync", "failsafe"}) {
    if (kv.key != c_.key(name)) continue;
    c_.trace.line("etcd", name + ": " + (deleted ? "-" : kv.value), true);
    if (deleted) {
      wire::apply_delete(keys_, name);
    } else {
      wire::apply_put(keys_, name, {.value = kv.value, .mod_revision = kv.mod_revision});
    }
    // A leader deletes the key when synchronous mode ends. If somebody deletes all keys, the promises still hold.
    if (deleted && name == "sync" && !c_.store.removing()) promised_.clear();
  }
  if (deleted) {
    if (kv.key == c_.key("history")) history_.clear();
    if (kv.key == c_.key("status")) optime_ = 0;
    return;
  }
  if (kv.key == c_.key("history")) history_written(kv);
  if (kv.key == c_.key("status")) {
    core::ClusterView view;
    wire::apply_put(view, "status", {.value = kv.value, .mod_revision = kv.mod_revision});
    if (view.status && view.status->optime) optime_ = *view.status->optime;
  }
}

void Checker::config_written(const std::string& text) {
  const auto json = config::Json::parse(text, nullptr, false);
  const auto of = [&](const char* name) {
    return json.is_object() && json.contains(name) ? json[name] : config::Json();
  };
  const auto mode = of("synchronous_mode");
  quorum_ = mode == "quorum";
  synchronous_ = quorum_ || mode == "on" || mode == true;
  failsafe_ = of("failsafe_mode") == true;
  if (json.is_object()) standby_cluster_ = of("standby_cluster").is_object();
  if (json.is_object() && !standby_cluster_) may_be_promoted_ = true;
  const auto seconds = [&](const char* name) {
    const auto value = of(name);
    return std::chrono::seconds(value.is_number_integer() ? value.get<int>() : 0);
  };
  ttl_max_ = std::max<Duration>(ttl_max_, seconds("ttl"));
  retry_timeout_max_ = std::max<Duration>(retry_timeout_max_, seconds("retry_timeout"));
  if (!synchronous_) promised_.clear();
}

// Notes a new tenure. A primary without the key may take it again after the member that was promoted meanwhile is gone.
// That member's commits are then lost.
void Checker::key_taken() {
  leader_since_ = c_.scheduler.now();
  const auto* node = leader_node();
  sync_at_race_ = synchronous_ && keys_.sync && !keys_.sync->leader.empty() ? keys_.sync : std::nullopt;
  if (node) check_may_lead(*node);
  if (!node || !node->server.writable() || node->server.end.branch == tip_) return;
  const auto lost = lost_by(node->server, acknowledged_);
  statistics_.lost += lost;
  check_promises(node->server);
  c_.trace.line("CHECK", fmt::format("{} goes on as the primary, {} acknowledged writes are lost", node->name, lost));
  tip_ = node->server.end.branch;
}

void Checker::leader_deleted(const dcs::KeyValue& kv) {
  c_.trace.line("etcd", fmt::format("leader: {} {}", kv.value, c_.store.removing() ? "ended" : "deleted"));
  if (c_.store.removing()) return;
  for (const auto& node : c_.nodes) {
    if (node->name != kv.value) continue;
    const auto& server = node->server;
    handed_over_at_ = c_.scheduler.now();
    const bool over = server.process == core::ProcessState::stopped || server.process == core::ProcessState::stopping;
    handed_over_ = over && server.end.branch == tip_ && server.control.state == core::ControlState::shut_down &&
                   (node->decisions.empty() || node->decisions.back().rule != "recover");
  }
}

void Checker::history_written(const dcs::KeyValue& kv) {
  core::ClusterView view;
  wire::apply_put(view, "history", {.value = kv.value, .mod_revision = kv.mod_revision});
  const auto lines = view.history.value_or(std::vector<core::HistoryLine>{});
  const auto same = [](const core::HistoryLine& a, const core::HistoryLine& b) {
    return a.timeline == b.timeline && a.lsn == b.lsn;
  };
  const auto* leader = leader_node();
  if (!leader) {
    violation("the history is written while nobody is the leader");
    return;
  }
  if (!std::ranges::equal(lines, c_.wal.history(leader->server.end.branch), same)) {
    violation("the history written is not that of " + leader->name);
  }
  const bool grows =
      lines.size() >= history_.size() && std::equal(history_.begin(), history_.end(), lines.begin(), same);
  if (!grows) ++statistics_.history_rewrites;
  history_ = lines;
}

// ---- the state at the end

bool Checker::leads_apart_from_origin() const {
  const auto* leader = leader_node();
  return standby_cluster_ && leader && leader->daemon && !c_.wal.contains(c_.origin->end, leader->server.end);
}

bool Checker::votes_are_lost() const {
  const auto without_data = [](const auto& node) { return node->server.directory != core::DataDirectory::valid; };
  // After all keys were deleted, every member counts.
  if (c_.origin || !c_.store.find(c_.key("initialize"))) return std::ranges::any_of(c_.nodes, without_data);
  if (!keys_.sync || keys_.sync->leader.empty()) return false;
  return std::ranges::any_of(c_.nodes, [&](const auto& node) {
    const bool named = keys_.sync->leader == node->name || named_in(*keys_.sync, node->name);
    return named && without_data(node);
  });
}

std::string Checker::trouble() const {
  const auto* leader = leader_node();
  if (!leader) return "nobody holds the leader key";
  if (standby_cluster_) {
    const auto& server = leader->server;
    if (!server.recovery || !server.streaming || server.upstream() != c_.origin_endpoint())
      return leader->name + " leads the standby cluster and does not stream from the origin";
  } else if (!leader->server.writable()) {
    return leader->name + " holds the leader key and takes no writes";
  }
  if (const auto* request = c_.store.find(c_.key("failover")))
    return "the key failover is still there: " + request->value;
  for (const auto& node : c_.nodes) {
    const auto& server = node->server;
    if (!node->daemon) return node->name + ": no daemon";
    if (node.get() == leader) continue;
    if (server.writable()) return node->name + " takes writes without the leader key";
    if (server.process != core::ProcessState::running) return node->name + ": postgres is not running";
    if (!server.streaming || server.upstream() != leader->id)
      return node->name + " does not stream from " + leader->name;
    if (!c_.wal.contains(leader->server.end, server.end))
      return node->name + " has another history than " + leader->name;
  }
  return "";
}

}  // namespace tamada::sim
