#include "sim/simulation.h"

#include "net/log.h"
#include "sim/faults.h"
#include "sim/player.h"

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration quiet_begin = 60s;  // for the cluster to come up
// After the last fault is healed. A daemon that an operator stopped comes back within 180 s, and then may have to wait
// for a ttl, which is 120 s at most here.
constexpr Duration recovery_max = 420s;
constexpr Duration operator_comes = 60s;

std::string tell(const Cluster& cluster) {
  std::string story;
  for (const auto& node : cluster.nodes) {
    const auto& server = node->server;
    story += fmt::format("{}: {}{}{}, timeline {} at {}\n", node->name, node->up ? "" : "machine down, ",
                         node->daemon ? "" : "no daemon, ",
                         server.process == core::ProcessState::running
                             ? server.recovery ? server.streaming ? "streaming standby" : "standby" : "primary"
                         : server.process == core::ProcessState::starting ? "starting"
                         : server.process == core::ProcessState::stopping ? "stopping"
                                                                          : "stopped",
                         server.timeline(), core::format_lsn(server.end.lsn));
    for (const auto& told : node->decisions) {
      story += fmt::format("  {:>9.3f}  [{}] {}\n", Trace::seconds(told.at), told.rule, told.reason);
    }
  }
  return story;
}

class Run {
 public:
  explicit Run(Options options) : cluster_(std::move(options)), checker_(cluster_), faults_(cluster_) {}

  Outcome go() {
    for (int id = 0; id < cluster_.size(); ++id) {
      cluster_.scheduler.at(cluster_.random.duration(0s, 3s), [this, id] { cluster_.start_daemon(id); });
    }
    cluster_.scheduler.at(1s, [this] { checker_.client(); });
    const auto& options = cluster_.options;
    const Time end = quiet_begin + options.duration;
    if (options.plan) {
      follow(*options.plan);
    } else {
      if (!options.no_faults) faults_.begin(quiet_begin, end);
      play(end);
    }
    recover();
    return outcome();
  }

 private:
  void play(Time end) {
    while (checker_.violations().empty() && cluster_.scheduler.step(end)) checker_.after_event();
  }

  void follow(const Plan& plan) {
    Player player(cluster_, checker_);
    for (const auto& chapter : plan.chapters) {
      for (const auto& act : chapter.acts) {
        if (!checker_.violations().empty()) return;
        if (auto done = player.perform(act); !done) return checker_.violation(done.error().what);
      }
    }
  }

  void end_pause() {
    const auto* config = cluster_.store.find(cluster_.key("config"));
    if (!config || config->value.find("\"pause\"") == std::string::npos) return;
    for (int id = 0; id < cluster_.size(); ++id) {
      if (!cluster_.node(id).daemon) continue;
      cluster_.request(id, "PATCH", "/config", R"({"pause": null})");
      break;
    }
  }

  // Copies standbys anew whose WAL the primary has removed, which no daemon can repair without an archive. A standby
  // cluster copies no data anew by itself, so there this is done also after a fork, and first with its leader.
  void copy_anew_where_needed() {
    const auto* leader = checker_.leader_node();
    if (leader && checker_.leads_apart_from_origin()) {
      cluster_.request(leader->id, "POST", "/reinitialize", R"({"force": true})");
      return;
    }
    for (const auto& node : cluster_.nodes) {
      if (!leader || leader == node.get() || !node->daemon) continue;
      const bool forked = cluster_.origin && !cluster_.wal.contains(leader->server.end, node->server.end);
      if (!forked && !node->server.needs_removed_wal(leader->server)) continue;
      const bool follows = node->server.answers() && node->server.recovery && !node->server.streaming;
      const bool stays_stopped = forked && node->server.process == core::ProcessState::stopped;
      if (!follows && !stays_stopped) continue;
      cluster_.request(node->id, "POST", "/reinitialize", R"({"force": true})");
    }
  }

  // If the members that the key sync names have lost their data, the others cannot prove that they have every
  // acknowledged commit, so an operator has to decide. The same holds in a standby cluster whose leader was half
  // rewound to the remote server, when the others are further behind than maximum_lag_on_failover.
  void fail_over_where_no_member_may() {
    const bool copy_lost = cluster_.origin && std::ranges::any_of(cluster_.nodes, [](const auto& node) {
                             return node->server.directory != core::DataDirectory::valid;
                           });
    if (checker_.leader_node() || (!checker_.votes_are_lost() && !copy_lost)) return;
    const Node* best = nullptr;
    for (const auto& node : cluster_.nodes) {
      const auto& server = node->server;
      if (!node->daemon || node->nofailover || !server.answers() || !server.recovery) continue;
      const auto place = [](const SimServer& one) { return std::pair(one.timeline(), one.end.lsn); };
      if (!best || place(server) > place(best->server)) best = node.get();
    }
    if (!best) return;
    // The operator has looked at every node, so the request may have force.
    cluster_.request(best->id, "POST", "/failover", fmt::format(R"({{"candidate": "{}", "force": true}})", best->name));
  }

  // If no member of a standby cluster has data any more, each waits for a leader, as with Patroni, and the operator
  // sets the cluster up anew. Nothing is lost, because the remote server has all data.
  bool no_data_are_left() const {
    const auto has_data = [](const auto& node) { return node->server.directory == core::DataDirectory::valid; };
    return cluster_.origin && std::ranges::none_of(cluster_.nodes, has_data);
  }

  // A member without data waits for a leader to copy from, also in a standby cluster (as with Patroni). If the only
  // members with data may not lead, the operator lets one lead.
  void lift_the_tag_of_the_last_copy() {
    if (!cluster_.origin || checker_.leader_node()) return;
    Node* tagged = nullptr;
    for (auto& node : cluster_.nodes) {
      if (node->server.directory != core::DataDirectory::valid) continue;
      if (!node->nofailover) return;
      tagged = node.get();
    }
    if (!tagged || !tagged->daemon) return;
    cluster_.trace.line(tagged->name, "the operator removes the tag nofailover");
    tagged->nofailover = false;
    tagged->daemon->agent.reload();
    tagged->daemon->life->touch();
  }

  void recover() {
    if (!checker_.violations().empty()) return;
    const auto healed = cluster_.scheduler.now();
    faults_.heal_all();
    checker_.faults_are_over();
    int whole = 0;
    while (checker_.violations().empty() && cluster_.scheduler.now() < healed + recovery_max) {
      end_pause();
      if (cluster_.scheduler.now() > healed + operator_comes && cluster_.scheduler.now() > operator_came_ + 60s) {
        operator_came_ = cluster_.scheduler.now();
        if (no_data_are_left()) return;
        copy_anew_where_needed();
        lift_the_tag_of_the_last_copy();
        fail_over_where_no_member_may();
      }
      play(cluster_.scheduler.now() + 1s);
      whole = checker_.trouble().empty() ? whole + 1 : 0;
      if (whole >= whole_for_looks) {
        recovered_after_ = cluster_.scheduler.now() - healed;
        return;
      }
    }
    if (checker_.violations().empty()) {
      checker_.violation(
          fmt::format("{:.0f} s after the faults ended: {}", Trace::seconds(recovery_max), checker_.trouble()));
    }
  }

  Outcome outcome() {
    Outcome result;
    result.violations = checker_.violations();
    if (!result.violations.empty()) result.story = tell(cluster_);
    result.trace_hash = cluster_.trace.hash();
    result.trace_lines = cluster_.trace.lines();
    result.events = cluster_.scheduler.events();
    result.simulated = cluster_.scheduler.now();
    result.recovered_after = recovered_after_;
    result.statistics = checker_.statistics();
    result.reached = cluster_.coverage.reached();
    result.nodes = cluster_.size();
    return result;
  }

  Cluster cluster_;
  Checker checker_;
  Faults faults_;
  Duration recovered_after_{};
  Time operator_came_{};
};

}  // namespace

Outcome simulate(Options options) {
  if (options.plan) options.settings = options.plan->settings;
  // The decisions are the record; what else the daemon logs is for its operator.
  log::redirect([](log::Level, std::string_view) {});
  auto result = Run(std::move(options)).go();
  log::redirect({});
  return result;
}

}  // namespace tamada::sim
