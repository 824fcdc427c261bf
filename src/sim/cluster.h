// The whole cluster in one process: nodes with their servers, the daemons that run on them, and the store.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "api/routes.h"
#include "sim/coverage.h"
#include "sim/options.h"
#include "sim/sim_dcs.h"
#include "sim/sim_postgres.h"

namespace tamada::sim {

class Cluster;

// Asks the other members' REST APIs. Both ends run production's code.
class SimPeers final : public agent::Peers {
 public:
  SimPeers(Life& life, Cluster& cluster, int node) : life_(life), cluster_(cluster), node_(node) {}
  awaitable<std::map<std::string, core::PeerView>> poll(std::vector<core::Member> members,
                                                        core::Duration timeout) override;
  awaitable<std::map<std::string, agent::FailsafeAnswer>> failsafe(std::map<std::string, std::string> members,
                                                                   core::FailsafeLeader leader,
                                                                   core::Duration timeout) override;
  awaitable<bool> alive(std::string api_url, core::Duration timeout) override;
  awaitable<core::Result<net::HttpResponse>> get(std::string api_url, core::Duration timeout);
  awaitable<core::Result<net::HttpResponse>> send(std::string api_url, net::HttpRequest request,
                                                  core::Duration timeout);

 private:
  awaitable<core::PeerView> ask(core::Member member, core::Duration timeout);
  awaitable<agent::FailsafeAnswer> ask_failsafe(std::string api_url, std::string body, core::Duration timeout);

  Life& life_;
  Cluster& cluster_;
  int node_;
  std::map<std::string, core::PeerView> first_answers_;  // used by an injected bug
};

// The simulated guard process, which belongs to the machine and outlives the daemon.
class SimFence final : public fence::Fence {
 public:
  SimFence(Cluster& cluster, int node);
  void keep(const fence::Order& order) override;
  core::FenceView view() const override;
  void on_end(std::function<void()> call) override { ended_ = std::move(call); }
  std::optional<core::Instant> inherited() const override { return inherited_; }
  void process_ended() const {
    if (ended_) ended_();
  }

 private:
  Cluster& cluster_;
  int node_;
  std::function<void()> ended_;
  std::optional<core::Instant> inherited_;
};

// The files that a daemon keeps in the data directory.
class SimFiles final : public agent::KeptFiles {
 public:
  SimFiles(Life& life, SimServer& server, const Bugs& bugs) : life_(life), server_(server), bugs_(bugs) {}
  std::string read(const std::string& name) override;
  awaitable<core::Result<void>> write(std::string name, std::string text) override;

 private:
  Life& life_;
  SimServer& server_;
  const Bugs& bugs_;
};

// The memory of the machine, which outlives the daemon.
class SimHostNote final : public agent::HostNote {
 public:
  SimHostNote(std::string& text, const Bugs& bugs) : text_(text), bugs_(bugs) {}
  std::string read() override { return text_; }
  bool write(const std::string& text) override {
    if (text_.empty() || !bugs_.is("consents-not-kept")) text_ = text;
    return true;
  }

 private:
  std::string& text_;
  const Bugs& bugs_;
};

class Daemon {
 public:
  Daemon(Cluster& cluster, int node);
  ~Daemon();
  void request(net::HttpRequest request, std::function<void(net::HttpResponse)> done);

  std::shared_ptr<Life> life;
  SimClock clock;
  SimDcs dcs;
  SimPostgres postgres;
  SimPeers peers;
  SimFiles files;
  SimHostNote consents;
  agent::Configuration configuration;
  SimFence fence;
  api::Board board;
  agent::Agent agent;
  api::RestApi rest;
  Time born;
  bool shutting_down = false;
};

struct Node {
  Node(Machines& machines, int number, std::string given) : id(number), name(given), server(machines, number, given) {}
  int id;
  std::string name;
  SimServer server;
  SimClock::Parameters clock;
  bool nofailover = false, noloadbalance = false;
  bool up = true;           // the machine
  bool stays_down = false;  // the daemon is started again only on request
  bool start_when_thawed = false;
  std::unique_ptr<Daemon> daemon;
  Time uncontrolled_until{};                   // until then its daemon was frozen or dead
  std::optional<core::Instant> guarded_until;  // when its guard acts, by the node's clock
  std::string consents;                        // what its daemon keeps for its next run, until the power is lost
  bool guard_killed = false;                   // since then no daemon has started another guard
  bool machine_was_frozen = false;
  bool saw_pause = false;      // whether its daemon's last decision was made in pause
  Time paused_until{};         // when its daemon was last in pause
  bool left_in_pause = false;  // its daemon was stopped in pause, which leaves PostgreSQL as it is
  struct Told {
    Time at{};
    std::string rule, reason;
  };
  std::deque<Told> decisions;                       // the last decisions, without repetitions
  std::map<std::string, std::deque<Time>> decided;  // when each action was recently decided
};

struct Profile {  // the cluster's configuration, which the seed chooses
  int ttl = 30, loop_wait = 10, retry_timeout = 10;
  bool use_pg_rewind = true;
  bool checksums = true;
  std::int64_t maximum_lag = 1048576;
  bool check_timeline = false;
  std::string synchronous_mode = "off";
  bool synchronous_mode_strict = false;
  int synchronous_node_count = 1;
  bool failsafe_mode = false;
};

class Cluster {
 public:
  explicit Cluster(Options options);
  ~Cluster();

  // ---- actions of faults and of operators
  void start_daemon(int node);
  void crash_daemon(int node, Duration restart_after);  // kill -9; systemd starts it again
  void freeze_daemon(int node);
  void thaw_daemon(int node);
  void freeze_node(int node);
  void thaw_node(int node);
  void crash_node(int node, Duration back_after);
  void terminate_daemon(int node, Duration start_after);  // SIGTERM; with start_after `never` it is not started again
  void set_server(int node, bool SimServer::* what, bool on, const char* news);
  void stick_disk(int node, bool stuck);
  void deafen(int node, bool deaf);  // makes its postmaster hang
  void hang(int node, bool hangs);   // makes PostgreSQL stop answering, as on a disk that hangs
  void fill_disk(int node, bool full);
  void tag_noloadbalance(int node, bool on);  // sets the tag in its file and sends SIGHUP
  void request(int node, std::string method, std::string target, std::string body);
  // An empty candidate: any. With `after` it is scheduled for so much later.
  void request_switchover(int node, const std::string& candidate, Duration after = {});
  void limit_lag(int node, std::int64_t bytes);  // asks a node to change maximum_lag_on_failover
  void step_clock(int node, Duration step);      // changes the calendar time of a node, and of nothing else
  void crash_origin();                           // it starts again by itself
  void fail_over_origin();  // another server takes the origin's place, and lacks its last WAL sometimes

  Node& node(int id) { return *nodes[static_cast<std::size_t>(id)]; }
  int size() const { return static_cast<int>(nodes.size()); }
  int origin_endpoint() const { return size_; }  // also the number of the origin's server
  int dcs_endpoint() const { return size_ + 1; }
  std::string key(std::string_view name) const { return "/service/demo/" + std::string(name); }
  config::Local local_configuration(int node) const;
  bool in_control(const Node& node) const;  // its daemon runs, and has run for a while
  // Sets the bound that the node's daemon gives to its guard. guard_looks() does what the guard does when the bound
  // passes.
  void guard(int node, std::optional<core::Instant> until);
  void guard_looks(int node);
  void kill_guard(int node);
  void daemon_ended(int node, int code, std::string thrown);
  void decided(int node, const api::Snapshot& snapshot);
  std::string node_at(const std::string& url) const;

  Options options;
  Random random;
  Scheduler scheduler;
  Trace trace;
  int size_;
  bool guard_runs;  // on each node
  Network network;
  SimStore store;
  Wal wal;
  Machines machines;
  Profile profile;
  std::int64_t maximum_lag_max = 0;  // the largest maximum_lag_on_failover that was ever set
  std::vector<std::unique_ptr<Node>> nodes;
  // The primary of another cluster that this one follows as a standby cluster; null if it is none.
  std::unique_ptr<SimServer> origin;
  Coverage coverage;
  std::function<void(std::string)> on_violation;
  std::function<void(Node&, const api::Snapshot&)> on_decision;
};

}  // namespace tamada::sim
