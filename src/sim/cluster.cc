#include "sim/cluster.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {
constexpr Duration systemd_restart = 5s;
// How long a daemon may take after a freeze or a start to learn the present state and to act.
constexpr Duration settling = 20s;
constexpr std::size_t decisions_kept = 12;
constexpr double with_archive = 0.25;  // the share of the clusters that have an archive of WAL

Profile make_profile(Random& random) {
  Profile profile;
  if (random.chance(0.3)) {
    profile.ttl = 20;
    profile.loop_wait = 5;
    profile.retry_timeout = 6;
  }
  profile.use_pg_rewind = random.chance(0.75);
  profile.checksums = random.chance(0.9);
  profile.check_timeline = random.chance(0.3);
  if (random.chance(0.5)) profile.synchronous_mode = random.chance(0.5) ? "on" : "quorum";
  profile.synchronous_mode_strict = random.chance(0.3);
  profile.synchronous_node_count = random.chance(0.3) ? 2 : 1;
  profile.failsafe_mode = random.chance(0.4);
  return profile;
}

int make_size(const Options& options, Random& random) {
  for (const auto& [name, value] : options.settings) {
    if (name == "nodes") return std::stoi(value);
  }
  return options.nodes > 0 ? options.nodes : random.chance(0.5) ? 3 : 5;
}

}  // namespace

// ---- a daemon

Daemon::Daemon(Cluster& cluster, int node)
    : life(std::make_shared<Life>(cluster.scheduler)),
      clock(*life, cluster.node(node).clock),
      dcs(*life, cluster.store, cluster.network, cluster.options.bugs, node, cluster.dcs_endpoint()),
      postgres(*life, clock, cluster.node(node).server, cluster.options.bugs,
               [this] { return configuration.settings().synchronous(); }),
      peers(*life, cluster, node),
      files(*life, cluster.node(node).server, cluster.options.bugs),
      consents(cluster.node(node).consents, cluster.options.bugs),
      configuration(cluster.local_configuration(node), files.read(agent::configuration_copy)),
      fence(cluster, node),
      agent({.executor = life->executor(),
             .clock = clock,
             .dcs = dcs,
             .postgres = postgres,
             .peers = peers,
             .configuration = configuration,
             .files = files,
             .consents = consents,
             .board = board,
             .fence = fence}),
      rest(life->executor(), board, agent, clock,
           {.scope = "demo",
            .name = cluster.node(node).name,
            .username = {},
            .password = {},
            .extra_headers = {},
            .ask_peer = [this](std::string url) { return peers.get(std::move(url), 2s); }}),
      born(cluster.scheduler.now()) {
  agent.on_reload([&cluster, node]() -> core::Result<config::Loaded> {
    config::Loaded loaded;
    loaded.local = cluster.local_configuration(node);
    return loaded;
  });
  board.on_publish([&cluster, node](const auto& snapshot) { cluster.decided(node, *snapshot); });
  asio::co_spawn(life->executor(), agent.run(), [&cluster, node](std::exception_ptr thrown, int code) {
    std::string what;
    if (thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& error) {
        what = error.what();
      }
    }
    // This is scheduled, because a life cannot be destroyed inside one of its own coroutines.
    cluster.scheduler.after(0s, [&cluster, node, code, what] { cluster.daemon_ended(node, code, what); });
  });
  life->touch();
}

Daemon::~Daemon() { life->end(); }

std::string SimFiles::read(const std::string& name) {
  if (name == agent::members_copy && bugs_.is("members-not-read")) return "";
  const auto it = server_.files.find(name);
  return it == server_.files.end() ? "" : it->second;
}

awaitable<core::Result<void>> SimFiles::write(std::string name, std::string text) {
  co_await life_.pause(server_.machines().random.mostly(1ms, 10ms, 500ms, 0.02));
  if (server_.directory != core::DataDirectory::valid) co_return core::fail("there is no data directory");
  if (server_.disk_full) co_return core::fail("no space left on device");
  auto& file = server_.files[name];
  if (bugs_.is("mark-not-synced")) {
    server_.not_synced([&server = server_, name, before = file] { server.files[name] = before; });
  }
  file = std::move(text);
  co_return core::Result<void>();
}

void SimFence::keep(const fence::Order& order) {
  cluster_.guard(node_, order.until ? std::optional(*order.until - fence::margin(order.length)) : std::nullopt);
}
core::FenceView SimFence::view() const {
  core::FenceView view;
  view.guarded = cluster_.guard_runs;
  return view;
}

SimFence::SimFence(Cluster& cluster, int node)
    : cluster_(cluster), node_(node), inherited_(cluster.node(node).guarded_until) {}

void Daemon::request(net::HttpRequest request, std::function<void(net::HttpResponse)> done) {
  asio::co_spawn(life->executor(), rest.handle(std::move(request)),
                 [done = std::move(done)](std::exception_ptr thrown, net::HttpResponse response) {
                   if (!thrown && done) done(std::move(response));
                 });
  life->touch();
}

// ---- the cluster

Cluster::Cluster(Options given)
    : options(std::move(given)),
      random(options.seed, options.calm),
      trace(scheduler, options.trace),
      size_(make_size(options, random)),
      guard_runs(options.guard == Options::Guard::on ||
                 (options.guard == Options::Guard::by_chance && Random(~options.seed, false).chance(0.5))),
      network(random, size_ + 2),
      store(scheduler, random, network, trace, size_ + 1),
      machines{.scheduler = scheduler, .random = random, .network = network, .trace = trace, .wal = wal},
      profile(make_profile(random)) {
  machines.checksums = profile.checksums;
  const int nofailover =
      !options.calm && random.chance(0.3) ? static_cast<int>(random.below(static_cast<std::uint64_t>(size_))) : -1;
  for (int id = 0; id < size_; ++id) {
    nodes.push_back(std::make_unique<Node>(machines, id, fmt::format("n{}", id + 1)));
    auto& made = *nodes.back();
    made.clock.boot = random.duration(1000s, 90000s);
    made.clock.wall_error = random.duration(0s, 1s);
    made.clock.ppm = static_cast<std::int64_t>(random.below(401)) - 200;
    made.nofailover = id == nofailover;
    machines.servers.push_back(&made.server);
  }
  // The choice has its own numbers, so that the other seeds are the same runs with and without it.
  if (options.standby_cluster.value_or(!options.plan && Random(options.seed ^ 0x5eed, false).chance(0.1))) {
    origin = std::make_unique<SimServer>(machines, origin_endpoint(), "origin");
    origin->keeps_all_wal = true;
    origin->initialize("7100000000000000001");
    machines.servers.push_back(origin.get());
    origin->on_exit = [this](bool) { scheduler.after(random.any_scale(1s, 60s), [this] { origin->start(false); }); };
  }
  machines.archive.on = options.archive.value_or(!options.plan && !origin &&
                                                 Random(options.seed ^ 0xa4c417e, false).chance(with_archive));
  machines.on_cut_off = [this](int id) {
    const bool power = random.chance(0.4);
    const auto away = random.any_scale(100ms, 60s);
    scheduler.after(0s, [this, id, power, away] { power ? crash_node(id, away) : crash_daemon(id, away); });
  };
  for (const auto& [name, value] : options.settings) {
    if (name == "nofailover") {
      for (auto& one : nodes) one->nofailover = one->name == value;
    }
    if (name == "ttl") profile.ttl = std::stoi(value);
    if (name == "maximum_lag_on_failover") profile.maximum_lag = std::stoll(value);
  }
  maximum_lag_max = profile.maximum_lag;
}

Cluster::~Cluster() {
  for (auto& one : nodes) one->daemon.reset();
}

config::Local Cluster::local_configuration(int id) const {
  const auto& made = *nodes[static_cast<std::size_t>(id)];
  const auto host = fmt::format("10.0.0.{}", id + 1);
  config::Local local;
  local.scope = "demo";
  local.name = made.name;
  local.restapi.listen_host = host;
  local.restapi.listen_port = "8008";
  local.restapi.connect_address = host + ":8008";
  local.postgresql.connect_host = host;
  local.postgresql.connect_port = "5432";
  local.postgresql.data_dir = "/nonexistent/tamada-sim/" + made.name;
  local.bootstrap.present = true;
  local.bootstrap.dcs = {{"ttl", profile.ttl},
                         {"loop_wait", profile.loop_wait},
                         {"retry_timeout", profile.retry_timeout},
                         {"maximum_lag_on_failover", profile.maximum_lag},
                         {"check_timeline", profile.check_timeline},
                         {"synchronous_mode", profile.synchronous_mode},
                         {"synchronous_mode_strict", profile.synchronous_mode_strict},
                         {"synchronous_node_count", profile.synchronous_node_count},
                         {"failsafe_mode", profile.failsafe_mode},
                         {"postgresql",
                          {{"use_pg_rewind", profile.use_pg_rewind},
                           {"remove_data_directory_on_rewind_failure", true},
                           {"remove_data_directory_on_diverged_timelines", true}}}};
  if (origin) {
    local.bootstrap.dcs["standby_cluster"] = {{"host", fmt::format("10.0.0.{}", origin_endpoint() + 1)},
                                              {"port", 5432}};
  }
  for (const auto& [name, value] : options.settings) {
    if (name == "nodes" || name == "nofailover" || name == "up") continue;
    const auto json = config::Json::parse(value, nullptr, false);
    local.bootstrap.dcs[name] = json.is_discarded() ? config::Json(value) : json;
  }
  if (made.noloadbalance) {
    local.tags.noloadbalance = true;
    local.tags.published = {{"noloadbalance", "true"}};
  }
  if (made.nofailover && !options.bugs.is("nofailover-ignored")) {
    local.tags.nofailover = true;
    local.tags.failover_priority = 0;
    local.tags.published.emplace_back("nofailover", "true");
  }
  return local;
}

void Cluster::start_daemon(int id) {
  auto& one = node(id);
  if (!one.up || one.daemon) return;
  if (one.server.frozen()) {  // nothing starts on a frozen machine
    one.start_when_thawed = true;
    return;
  }
  trace.line(one.name, "daemon starts");
  // The server had no guard because of the pause, so the daemon first has to learn the present state.
  if (one.left_in_pause || one.saw_pause) one.paused_until = scheduler.now();
  one.daemon = std::make_unique<Daemon>(*this, id);
  one.uncontrolled_until = scheduler.now();
  one.left_in_pause = false;
}

void Cluster::crash_daemon(int id, Duration restart_after) {
  auto& one = node(id);
  if (!one.daemon || one.server.frozen()) return;
  trace.line(one.name, "daemon killed");
  one.daemon.reset();
  scheduler.after(restart_after, [this, id] { start_daemon(id); });
}

void Cluster::freeze_daemon(int id) {
  auto& one = node(id);
  if (!one.daemon || one.daemon->life->frozen()) return;
  trace.line(one.name, "daemon frozen");
  one.daemon->life->freeze();
}

void Cluster::thaw_daemon(int id) {
  auto& one = node(id);
  if (!one.daemon || !one.daemon->life->frozen() || one.server.frozen()) return;
  trace.line(one.name, "daemon goes on");
  one.uncontrolled_until = scheduler.now();
  one.daemon->life->thaw();
}

void Cluster::freeze_node(int id) {
  auto& one = node(id);
  if (!one.up || one.server.frozen()) return;
  trace.line(one.name, "machine frozen");
  one.server.freeze();
  if (one.daemon) one.daemon->life->freeze();
}

void Cluster::thaw_node(int id) {
  auto& one = node(id);
  if (!one.server.frozen()) return;
  trace.line(one.name, "machine goes on");
  one.uncontrolled_until = scheduler.now();
  one.machine_was_frozen = true;
  one.server.thaw();
  guard_looks(id);
  if (one.daemon) one.daemon->life->thaw();
  if (std::exchange(one.start_when_thawed, false)) start_daemon(id);
}

void Cluster::crash_node(int id, Duration back_after) {
  auto& one = node(id);
  if (!one.up) return;
  trace.line(one.name, "machine crashed");
  if (one.server.frozen()) one.server.thaw();
  one.daemon.reset();
  one.up = false;
  one.start_when_thawed = false;
  one.guarded_until.reset();
  one.consents.clear();
  one.server.lose_power();
  scheduler.after(back_after, [this, id] {
    node(id).up = true;
    start_daemon(id);
  });
}

void Cluster::terminate_daemon(int id, Duration start_after) {
  auto& one = node(id);
  if (!one.daemon || one.daemon->shutting_down) return;
  trace.line(one.name, "daemon asked to stop");
  one.daemon->shutting_down = true;
  one.daemon->agent.shutdown();
  one.daemon->life->touch();
  if (start_after == never) return;
  // systemd kills a daemon that does not stop in time.
  scheduler.after(start_after + 180s, [this, id] {
    auto& late = node(id);
    if (late.daemon && late.daemon->shutting_down) crash_daemon(id, 1s);
    start_daemon(id);
  });
  scheduler.after(start_after, [this, id] { start_daemon(id); });
}

void Cluster::set_server(int id, bool SimServer::* what, bool on, const char* news) {
  auto& server = node(id).server;
  if (server.process == core::ProcessState::stopped || server.*what == on) return;
  trace.line(server.name(), news);
  server.*what = on;
  server.notify();
}

void Cluster::deafen(int id, bool deaf) {
  set_server(id, &SimServer::deaf, deaf, deaf ? "postgres: the postmaster hangs" : "postgres: the postmaster goes on");
}

void Cluster::hang(int id, bool hangs) {
  set_server(id, &SimServer::hung, hangs, hangs ? "postgres: hangs" : "postgres: answers again");
}

void Cluster::stick_disk(int id, bool stuck) {
  auto& server = node(id).server;
  if (server.stuck == stuck) return;
  if (!stuck) return server.unstick();
  trace.line(server.name(), "postgres: the disk is stuck");
  server.stuck = true;
  server.notify();
}

void Cluster::fill_disk(int id, bool full) {
  trace.line(node(id).name, full ? "the disk is full" : "the disk has room again");
  node(id).server.disk_full = full;
}

void Cluster::tag_noloadbalance(int id, bool on) {
  auto& one = node(id);
  one.noloadbalance = on;
  if (!one.daemon) return;
  one.daemon->agent.reload();
  one.daemon->life->touch();
}

void Cluster::request_switchover(int id, const std::string& candidate, Duration after) {
  const auto* leader = store.find(key("leader"));
  if (!leader) return;
  auto body = config::Json{{"leader", leader->value}};
  if (!candidate.empty()) body["candidate"] = candidate;
  if (after > 0s) body["scheduled_at"] = wire::format_iso(SimClock::calendar(scheduler.now() + after));
  request(id, "POST", "/switchover", body.dump());
}

void Cluster::limit_lag(int id, std::int64_t bytes) {
  maximum_lag_max = std::max(maximum_lag_max, bytes);
  request(id, "PATCH", "/config", fmt::format(R"({{"maximum_lag_on_failover": {}}})", bytes));
}

void Cluster::step_clock(int id, Duration step) {
  auto& one = node(id);
  trace.line(one.name, fmt::format("the calendar time steps by {:.0f} s", Trace::seconds(step)));
  one.clock.wall_error += step;
}

void Cluster::crash_origin() {
  if (origin) origin->crash();
}

void Cluster::fail_over_origin() {
  if (origin && origin->process == core::ProcessState::running) origin->replaced_by_its_standby();
}

void Cluster::request(int id, std::string method, std::string target, std::string body) {
  auto& one = node(id);
  if (!one.daemon || !one.up || one.server.frozen()) return;
  trace.line(one.name, fmt::format("asked: {} {} {}", method, target, body));
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  one.daemon->request(std::move(request), [this, id](net::HttpResponse answer) {
    trace.line(node(id).name, fmt::format("answered: {} {}", answer.status, answer.body.substr(0, 80)));
  });
}

bool Cluster::in_control(const Node& one) const {
  if (!one.daemon || one.daemon->life->frozen()) return false;
  return scheduler.now() - one.uncontrolled_until > settling;
}

void Cluster::guard(int id, std::optional<core::Instant> until) {
  auto& one = node(id);
  if (!guard_runs || (one.guarded_until == until && !one.guard_killed)) return;
  one.guarded_until = until;
  one.guard_killed = false;
  if (until) scheduler.at(SimClock::when(*until, one.clock), [this, id] { guard_looks(id); });
}

void Cluster::guard_looks(int id) {
  auto& one = node(id);
  if (!one.guarded_until || one.guard_killed || one.server.frozen() ||
      scheduler.now() < SimClock::when(*one.guarded_until, one.clock))
    return;
  one.guarded_until.reset();
  if (one.server.process == core::ProcessState::stopped) return;
  trace.line(one.name, "guard: the lease has ended");
  one.server.crash();
}

void Cluster::kill_guard(int id) {
  auto& one = node(id);
  if (!guard_runs || one.guard_killed || !one.guarded_until || one.server.frozen()) return;
  trace.line(one.name, "guard killed");
  one.guard_killed = true;
  if (!one.daemon) return;
  one.daemon->fence.process_ended();
  one.daemon->life->touch();
}

void Cluster::daemon_ended(int id, int code, std::string thrown) {
  auto& one = node(id);
  trace.line(one.name, fmt::format("daemon ended with {}", code));
  if (!thrown.empty() && on_violation) on_violation(one.name + ": the daemon ended by an exception: " + thrown);
  const bool planned = one.daemon && one.daemon->shutting_down;
  if (planned && one.daemon->board.latest()->seen.settings.pause) {
    one.left_in_pause = true;
    one.guarded_until.reset();
  }
  one.daemon.reset();
  if (!planned) scheduler.after(systemd_restart, [this, id] { start_daemon(id); });
}

void Cluster::decided(int id, const api::Snapshot& snapshot) {
  auto& one = node(id);
  const auto& decision = snapshot.decision;
  one.saw_pause = snapshot.seen.settings.pause;
  if (one.saw_pause) one.paused_until = scheduler.now();
  if (one.decisions.empty() || one.decisions.back().reason != decision.reason) {
    one.decisions.push_back({scheduler.now(), std::string(decision.rule), decision.reason});
    if (one.decisions.size() > decisions_kept) one.decisions.pop_front();
    const bool detail = decision.severity == core::Severity::debug ||
                        (decision.rule == "job" && decision.severity == core::Severity::info);
    trace.line(one.name, fmt::format("[{}] {}", decision.rule, decision.reason), detail);
  }
  if (options.coverage) coverage.decided(decision);
  if (on_decision) on_decision(one, snapshot);
}

}  // namespace tamada::sim
