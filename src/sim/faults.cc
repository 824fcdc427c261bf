#include "sim/faults.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <utility>

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {
void nothing() {}
}  // namespace

std::string Faults::leader() const {
  const auto* key = c_.store.find(c_.key("leader"));
  return key ? key->value : "";
}

// A random node, the leader more often than others, because its faults have more consequences.
int Faults::leader_or_any() {
  const auto name = leader();
  if (!name.empty() && c_.random.chance(0.6)) {
    for (int id = 0; id < c_.size(); ++id) {
      if (c_.node(id).name == name) return id;
    }
  }
  return any_node();
}

std::function<void()> Faults::cut(std::vector<std::pair<int, int>> ways) {
  std::string text;
  for (const auto& [from, to] : ways) {
    c_.network.cut(from, to);
    const auto name = [&](int at) {
      return at == c_.dcs_endpoint() ? "etcd" : at == c_.origin_endpoint() ? "origin" : c_.node(at).name;
    };
    text += fmt::format(" {}->{}", name(from), name(to));
  }
  c_.trace.line("FAULT", "cut" + text);
  return [this, ways, text] {
    c_.trace.line("FAULT", "healed" + text);
    for (const auto& [from, to] : ways) c_.network.heal(from, to);
  };
}

std::function<void()> Faults::isolate(int node) {
  std::vector<std::pair<int, int>> ways;
  for (int other = 0; other <= c_.dcs_endpoint(); ++other) {
    if (other == node || (other == c_.origin_endpoint() && !c_.origin)) continue;
    ways.emplace_back(node, other);
    ways.emplace_back(other, node);
  }
  return cut(std::move(ways));
}

void Faults::then(Duration after, std::function<void()> what) {
  c_.scheduler.after(after, [this, what = std::move(what)] {
    if (c_.scheduler.now() < until_) what();
  });
}

std::vector<int> Faults::all_but(int node) const {
  std::vector<int> others;
  for (int id = 0; id < c_.size(); ++id) {
    if (id != node) others.push_back(id);
  }
  return others;
}

// Makes two timelines with one number by alternating outages in asynchronous mode, and then switches a synchronous mode
// on.
void Faults::make_twins() {
  if (c_.scheduler.now() < twins_until_) return;  // the previous sequence of this kind has not ended
  twins_until_ = c_.scheduler.now() + 200s;
  const int first = leader_or_any();
  const auto mode = c_.random.chance(0.5) ? R"({"synchronous_mode": "on"})" : R"({"synchronous_mode": "quorum"})";
  c_.request(any_node(), "PATCH", "/config", R"({"synchronous_mode": null})");
  const auto away = c_.random.duration(60s, 90s);
  then(2s, [this, first, away] { c_.crash_node(first, away); });
  const auto second = away - c_.random.duration(1s, 20s);
  for (const int other : all_but(first)) {
    then(second + c_.random.duration(0s, 2s),
         [this, other, until = c_.random.duration(60s, 130s)] { c_.crash_node(other, until); });
  }
  const auto asked = away + c_.random.duration(30s, 80s);
  then(asked, [this, first, mode] { c_.request(first, "PATCH", "/config", mode); });
  then(asked + c_.random.duration(1s, 30s), [this, first] { c_.crash_node(first, c_.random.duration(5s, 90s)); });
}

// Lets etcd come back empty while a primary goes on by failsafe mode: it crashes most other nodes, stops etcd, usually
// isolates the primary, and starts etcd without any keys.
void Faults::lose_keys() {
  const int primary = leader_or_any();
  const auto away = c_.random.duration(40s, 90s);
  for (const int other : all_but(primary)) {
    if (c_.random.chance(0.8)) c_.crash_node(other, away + c_.random.duration(0s, 20s));
  }
  const auto stops = away - c_.random.duration(1s, 35s);
  const auto healed = std::make_shared<std::function<void()>>(nothing);
  then(stops, [this] { c_.store.stop(c_.random.chance(0.5)); });
  then(stops + c_.random.duration(1s, 40s), [this, primary, healed] {
    if (c_.random.chance(0.8)) *healed = isolate(primary);
    c_.trace.line("FAULT", "all keys are wiped");
    c_.store.wipe();
    c_.store.start();
  });
  const auto heal = [healed] { std::exchange(*healed, nothing)(); };
  then(stops + c_.random.duration(60s, 160s), heal);
  at_the_end_.push_back([this, heal] {
    heal();
    if (!c_.store.up()) c_.store.start();
  });
}

// Cuts a primary off from etcd until it goes on by the others' consent in failsafe mode. Then isolates it, and starts
// the others' daemons or machines again, which have to keep to the consent.
void Faults::forget_consents() {
  const int primary = leader_or_any(), dcs = c_.dcs_endpoint();
  const auto alone = c_.random.duration(15s, 60s);
  const auto together = cut({{primary, dcs}, {dcs, primary}});
  const auto healed = std::make_shared<std::function<void()>>(nothing);
  then(alone, [this, primary, healed] { *healed = isolate(primary); });
  for (const int other : all_but(primary)) {
    then(alone + c_.random.duration(0s, 15s) - 2s, [this, other] {
      const auto away = c_.random.any_scale(100ms, 10s);
      c_.random.chance(0.8) ? c_.crash_daemon(other, away) : c_.crash_node(other, away);
    });
  }
  const auto heal = [healed, end = std::make_shared<std::function<void()>>(together)] {
    std::exchange(*healed, nothing)();
    std::exchange(*end, nothing)();
  };
  then(alone + c_.random.duration(10s, 90s), heal);
  at_the_end_.push_back(heal);
}

const std::vector<Faults::Kind>& Faults::kinds() {
  using F = Faults&;
  static const std::vector<Kind> all{
      {"daemon_crash", 10,
       [](F f) {
         f.c_.crash_daemon(f.leader_or_any(), f.c_.random.any_scale(100ms, 90s));
         return nothing;
       }},
      {"daemon_freeze", 6,
       [](F f) -> std::function<void()> {
         const int node = f.leader_or_any();
         f.c_.freeze_daemon(node);
         return [&f, node] { f.c_.thaw_daemon(node); };
       }},
      {"daemon_stop", 5,
       [](F f) {
         f.c_.terminate_daemon(f.leader_or_any(), f.c_.random.any_scale(2s, 60s));
         return nothing;
       }},
      {"postgres_crash", 12,
       [](F f) {
         f.c_.node(f.leader_or_any()).server.crash();
         return nothing;
       }},
      {"postgres_ends_soon", 4,
       [](F f) -> std::function<void()> {
         auto& server = f.c_.node(f.leader_or_any()).server;
         server.ends_soon_until = f.c_.scheduler.now() + f.c_.random.any_scale(5s, 120s);
         f.c_.trace.line("FAULT", server.name() + ": the primary ends soon after each start");
         server.crash();
         return [&server] { server.ends_soon_until = {}; };
       }},
      {"postgres_hang", 5,
       [](F f) -> std::function<void()> {
         const int node = f.leader_or_any();
         f.c_.hang(node, true);
         return [&f, node] { f.c_.hang(node, false); };
       }},
      {"postmaster_hang", 4,
       [](F f) -> std::function<void()> {
         const int node = f.leader_or_any();
         f.c_.deafen(node, true);
         return [&f, node] { f.c_.deafen(node, false); };
       }},
      {"disk_stuck", 4,
       [](F f) -> std::function<void()> {
         const int node = f.leader_or_any();
         f.c_.stick_disk(node, true);
         return [&f, node] { f.c_.stick_disk(node, false); };
       }},
      {"node_crash", 8,
       [](F f) {
         f.c_.crash_node(f.leader_or_any(), f.c_.random.any_scale(2s, 120s));
         return nothing;
       }},
      {"node_freeze", 4,
       [](F f) -> std::function<void()> {
         const int node = f.leader_or_any();
         f.c_.freeze_node(node);
         return [&f, node] { f.c_.thaw_node(node); };
       }},
      {"dcs_outage", 6,
       [](F f) -> std::function<void()> {
         const bool refuses = f.c_.random.chance(0.5);
         f.c_.trace.line("FAULT", refuses ? "etcd refuses" : "etcd is silent");
         f.c_.store.stop(refuses);
         return [&f] { f.c_.store.start(); };
       }},
      {"dcs_leader_change", 4,
       [](F f) {
         f.c_.store.change_leader();
         return nothing;
       }},
      {"dcs_wipe", 2,
       [](F f) {
         f.c_.trace.line("FAULT", "all keys are wiped");
         f.c_.store.wipe();
         return nothing;
       }},
      {"keys_lost", 1,
       [](F f) {
         f.lose_keys();
         return nothing;
       }},
      {"consents_forgotten", 1,
       [](F f) {
         f.forget_consents();
         return nothing;
       }},
      {"twins", 1,
       [](F f) {
         f.make_twins();
         return nothing;
       }},
      {"dcs_compact", 2,
       [](F f) {
         f.c_.store.compact();
         f.c_.store.break_streams();
         return nothing;
       }},
      {"watch_break", 3,
       [](F f) {
         f.c_.store.break_streams();
         return nothing;
       }},
      {"watch_lag", 3,
       [](F f) -> std::function<void()> {
         f.c_.store.watch_lag = f.c_.random.any_scale(50ms, 20s);
         return [&f] { f.c_.store.watch_lag = 0s; };
       }},
      {"partition_node", 8, [](F f) { return f.isolate(f.leader_or_any()); }},
      {"partition_dcs", 8,
       [](F f) {
         const int node = f.leader_or_any(), dcs = f.c_.dcs_endpoint();
         return f.cut({{node, dcs}, {dcs, node}});
       }},
      {"requests_lost", 4, [](F f) { return f.cut({{f.leader_or_any(), f.c_.dcs_endpoint()}}); }},
      {"replies_lost", 6, [](F f) { return f.cut({{f.c_.dcs_endpoint(), f.leader_or_any()}}); }},
      {"partition_peers", 6,
       [](F f) {
         const int a = f.leader_or_any();
         const int b =
             (a + 1 + static_cast<int>(f.c_.random.below(static_cast<std::uint64_t>(f.c_.size() - 1)))) % f.c_.size();
         if (f.c_.random.chance(0.3)) return f.cut({{a, b}});
         return f.cut({{a, b}, {b, a}});
       }},
      {"loss", 4,
       [](F f) -> std::function<void()> {
         f.c_.network.loss = 0.05 + 0.3 * f.c_.random.unit();
         f.c_.trace.line("FAULT", "messages are lost");
         return [&f] { f.c_.network.loss = 0; };
       }},
      {"slow", 4,
       [](F f) -> std::function<void()> {
         f.c_.network.slow = f.c_.random.any_scale(20ms, 6s);
         f.c_.trace.line("FAULT", fmt::format("messages take up to {:.2f} s", Trace::seconds(f.c_.network.slow)));
         return [&f] { f.c_.network.slow = 0s; };
       }},
      {"duplicates", 3,
       [](F f) -> std::function<void()> {
         f.c_.network.twice = 0.1 + 0.4 * f.c_.random.unit();
         f.c_.trace.line("FAULT", "requests to etcd are sent again");
         return [&f] { f.c_.network.twice = 0; };
       }},
      {"disk_full", 4,
       [](F f) -> std::function<void()> {
         const int node = f.leader_or_any();
         f.c_.fill_disk(node, true);
         return [&f, node] { f.c_.fill_disk(node, false); };
       }},
      {"wal_removed", 2,
       [](F f) {
         auto& server = f.c_.node(f.leader_or_any()).server;
         f.c_.trace.line(server.name(), "postgres: all old WAL is removed");
         server.remove_wal();
         return nothing;
       }},
      {"slots_dropped", 2,
       [](F f) {
         auto& server = f.c_.node(f.leader_or_any()).server;
         if (server.answers()) server.drop_idle_slots();
         return nothing;
       }},
      {"standby_lag", 5,
       [](F f) -> std::function<void()> {
         auto& server = f.c_.node(f.any_node()).server;
         server.lag = f.c_.random.any_scale(100ms, 60s);
         return [&server] { server.lag = 0s; };
       }},
      {"busy", 4,
       [](F f) -> std::function<void()> {
         auto& server = f.c_.node(f.leader_or_any()).server;
         server.busy = f.c_.random.any_scale(100ms, 2s);
         f.c_.trace.line("FAULT", fmt::format("{} is busy, a look takes up to {:.2f} s", server.name(),
                                              Trace::seconds(server.busy)));
         return [&server] { server.busy = 0s; };
       }},
      {"local_trouble", 6,
       [](F f) -> std::function<void()> {
         auto& server = f.c_.node(f.leader_or_any()).server;
         server.trouble = 0.02 + 0.3 * f.c_.random.unit();
         f.c_.trace.line("FAULT", fmt::format("what is done on {} fails at {:.0f} % of its steps, or is cut off there",
                                              server.name(), 100 * server.trouble));
         return [&server] { server.trouble = 0; };
       }},
      {"switchover", 8,
       [](F f) {
         const auto from = f.leader();
         if (from.empty()) return nothing;
         const auto to = f.c_.node(f.any_node()).name;
         const bool named = to != from && f.c_.random.chance(0.6);
         const bool scheduled = f.c_.random.chance(0.2);
         f.c_.request_switchover(f.any_node(), named ? to : "", scheduled ? f.c_.random.any_scale(1s, 60s) : 0s);
         return nothing;
       }},
      {"failover", 3,
       [](F f) {
         f.c_.request(f.any_node(), "POST", "/failover",
                      fmt::format(R"({{"candidate": "{}"}})", f.c_.node(f.any_node()).name));
         return nothing;
       }},
      {"pause", 3,
       [](F f) -> std::function<void()> {
         f.c_.request(f.any_node(), "PATCH", "/config", R"({"pause": true})");
         return [&f] { f.c_.request(f.any_node(), "PATCH", "/config", R"({"pause": null})"); };
       }},
      {"synchronous_mode", 4,
       [](F f) {
         static constexpr std::array modes{R"("on")", R"("quorum")", "null"};
         f.c_.request(f.any_node(), "PATCH", "/config",
                      fmt::format(R"({{"synchronous_mode": {}, "synchronous_node_count": {}}})",
                                  modes[f.c_.random.below(modes.size())], f.c_.random.between(1, 2)));
         return nothing;
       }},
      {"times", 3,
       [](F f) {
         // The values are ttl, loop_wait, retry_timeout.
         static constexpr std::array<std::array<int, 3>, 5> times{
             {{30, 10, 10}, {20, 5, 6}, {60, 10, 20}, {120, 10, 40}, {20, 1, 3}}};
         const auto& [ttl, loop_wait, retry_timeout] = times[f.c_.random.below(times.size())];
         f.c_.request(
             f.any_node(), "PATCH", "/config",
             fmt::format(R"({{"ttl": {}, "loop_wait": {}, "retry_timeout": {}}})", ttl, loop_wait, retry_timeout));
         return nothing;
       }},
      {"lag_limit", 2,
       [](F f) {
         static constexpr std::array<std::int64_t, 3> limits{100'000, 1'048'576, 16 << 20};
         f.c_.limit_lag(f.any_node(), limits[f.c_.random.below(limits.size())]);
         return nothing;
       }},
      {"clock_step", 3,
       [](F f) -> std::function<void()> {
         const int id = f.leader_or_any();
         const auto step = f.c_.random.any_scale(1s, 2h) * (f.c_.random.chance(0.5) ? 1 : -1);
         f.c_.step_clock(id, step);
         return [&f, id, step] { f.c_.step_clock(id, -step); };
       }},
      {"guard_crash", 3,
       [](F f) {
         f.c_.kill_guard(f.leader_or_any());
         return nothing;
       }},
      {"lease_revoked", 2,
       [](F f) {
         if (const auto* key = f.c_.store.find(f.c_.key("leader"))) f.c_.store.revoke_by_hand(key->lease);
         return nothing;
       }},
      {"failsafe_mode", 2,
       [](F f) {
         f.c_.request(f.any_node(), "PATCH", "/config",
                      fmt::format(R"({{"failsafe_mode": {}}})", f.c_.random.chance(0.5)));
         return nothing;
       }},
      {"reinitialize", 2,
       [](F f) {
         f.c_.request(f.any_node(), "POST", "/reinitialize", R"({"force": true})");
         return nothing;
       }},
      {"restart", 3,
       [](F f) {
         f.c_.request(f.leader_or_any(), "POST", "/restart", "{}");
         return nothing;
       }},
      // Kinds for standby clusters.
      {"origin_crash", 6,
       [](F f) {
         f.c_.crash_origin();
         return nothing;
       }},
      {"origin_failover", 5,
       [](F f) {
         f.c_.fail_over_origin();
         return nothing;
       }},
      {"partition_origin", 6,
       [](F f) {
         const int node = f.leader_or_any(), origin = f.c_.origin_endpoint();
         return f.cut({{node, origin}, {origin, node}});
       }},
      {"promote_cluster", 3,
       [](F f) {
         f.c_.request(f.any_node(), "PATCH", "/config", R"({"standby_cluster": null})");
         return nothing;
       }},
  };
  return all;
}

std::vector<std::string> Faults::names() {
  std::vector<std::string> result;
  for (const auto& kind : kinds()) result.push_back(kind.name);
  return result;
}

bool Faults::of_standby_clusters(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kinds{"origin_crash", "origin_failover", "partition_origin",
                                                         "promote_cluster"};
  return std::ranges::find(kinds, name) != kinds.end();
}

Faults::Faults(Cluster& cluster) : c_(cluster) {
  const auto& wanted = c_.options.faults;
  for (const auto& kind : kinds()) {
    if (!c_.origin && of_standby_clusters(kind.name)) continue;
    const bool asked = wanted.empty() || std::ranges::find(wanted, kind.name) != wanted.end();
    // A run with few kinds of faults finds what a mixture of all kinds hides.
    if (!asked || (wanted.empty() && c_.random.chance(0.4))) continue;
    chosen_.push_back(&kind);
    weight_ += kind.weight;
  }
}

void Faults::begin(Time from, Time until) {
  until_ = until;
  if (chosen_.empty()) return;
  c_.scheduler.at(from, [this] {
    c_.machines.faults = true;
    next();
  });
}

void Faults::next() {
  if (c_.scheduler.now() >= until_) return;
  auto at = static_cast<int>(c_.random.below(static_cast<std::uint64_t>(weight_)));
  for (const auto* kind : chosen_) {
    at -= kind->weight;
    if (at >= 0) continue;
    happen(*kind);
    break;
  }
  // The next fault comes sometimes at once and sometimes after the cluster has recovered.
  c_.scheduler.after(c_.random.any_scale(300ms, 90s), [this] { next(); });
}

void Faults::happen(const Kind& kind) {
  c_.trace.line("FAULT", kind.name);
  const auto number = sequence_++;
  if (c_.options.coverage) {
    std::set<std::string> open;
    for (const auto& [_, fault] : open_) open.insert(fault.name);
    c_.coverage.fault_began(kind.name, open);
  }
  open_[number] = {.name = kind.name, .heal = kind.begin(*this)};
  c_.scheduler.after(c_.random.any_scale(200ms, 90s), [this, number, name = kind.name] {
    const auto it = open_.find(number);
    if (it == open_.end()) return;
    const auto heal = std::move(it->second.heal);
    open_.erase(it);
    heal();
  });
}

void Faults::heal_all() {
  c_.trace.line("FAULT", "all is healed");
  c_.machines.faults = false;
  auto open = std::move(open_);
  open_.clear();
  for (auto& [number, fault] : open) fault.heal();
  for (auto& heal : std::exchange(at_the_end_, {})) heal();
  for (int id = 0; id < c_.size(); ++id) {
    c_.thaw_node(id);
    c_.thaw_daemon(id);
  }
}

}  // namespace tamada::sim
