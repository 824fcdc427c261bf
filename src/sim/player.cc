#include "sim/player.h"

#include <algorithm>
#include <charconv>

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration come_up_max = 120s;

// Removes digits, so that a countdown is one line.
std::string without_digits(std::string_view text) {
  std::string rest;
  for (const char c : text) {
    if (c < '0' || c > '9') rest += c;
  }
  return rest;
}

std::string json_value(const std::string& word) {
  const bool plain = word == "true" || word == "false" || word == "null" ||
                     (!word.empty() && word.find_first_not_of("0123456789") == std::string::npos);
  return plain ? word : '"' + word + '"';
}

std::optional<Duration> seconds_of(const std::string& word) {
  int number = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (failed != std::errc()) return std::nullopt;
  const std::string_view unit(end, word.data() + word.size());
  if (unit == "s") return std::chrono::seconds(number);
  if (unit == "ms") return std::chrono::milliseconds(number);
  if (unit == "min") return std::chrono::minutes(number);
  return std::nullopt;
}

}  // namespace

Player::Player(Cluster& cluster, Checker& checker) : c_(cluster), checker_(checker) {
  c_.trace.listener = [this](std::string_view who, std::string_view what) { hear(who, what); };
}

const std::vector<Player::Command>& Player::table() {
  using P = Player&;
  using B = const Bound&;
  static const std::vector<Command> all{
      {"cluster",
       "the first command; nodes=3 ttl=30 nofailover=n3 ..., any name of the dynamic configuration; up=no: not waiting "
       "until it is whole",
       [](P p, B) { p.come_up(); }},
      {"run TIME", "time passes", [](P p, B b) { p.advance(p.c_.scheduler.now() + b.time); }},
      {"until whole within TIME", "time passes until one is primary and all others stream from it",
       [](P p, B b) { p.settle(b.time); }},
      {"show", "the members, as the cluster's list has them", [](P p, B) { p.show(); }},
      {"ask NODE PATH", "GET of the REST API: the status", [](P p, B b) { p.get(b.nodes[0], b.words[0]); }},
      {"kill daemon NODE", "kill -9; systemd starts it again after 5 s",
       [](P p, B b) { p.c_.crash_daemon(b.nodes[0], 5s); }},
      {"kill daemon NODE for TIME", "kill -9", [](P p, B b) { p.c_.crash_daemon(b.nodes[0], b.time); }},
      {"stop daemon NODE", "SIGTERM", [](P p, B b) { p.c_.terminate_daemon(b.nodes[0], never); }},
      {"start daemon NODE", "", [](P p, B b) { p.c_.start_daemon(b.nodes[0]); }},
      {"restart daemon NODE", "SIGTERM, and a start 2 s later",
       [](P p, B b) { p.c_.terminate_daemon(b.nodes[0], 2s); }},
      {"freeze daemon NODE", "SIGSTOP", [](P p, B b) { p.c_.freeze_daemon(b.nodes[0]); }},
      {"thaw daemon NODE", "SIGCONT", [](P p, B b) { p.c_.thaw_daemon(b.nodes[0]); }},
      {"freeze machine NODE", "", [](P p, B b) { p.c_.freeze_node(b.nodes[0]); }},
      {"thaw machine NODE", "", [](P p, B b) { p.c_.thaw_node(b.nodes[0]); }},
      {"kill postgres NODE", "kill -9 of all of it", [](P p, B b) { p.c_.node(b.nodes[0]).server.crash(); }},
      {"hang postgres NODE", "nothing of it answers", [](P p, B b) { p.c_.hang(b.nodes[0], true); }},
      {"unhang postgres NODE", "", [](P p, B b) { p.c_.hang(b.nodes[0], false); }},
      {"stick disk NODE", "connections are answered, nothing is flushed, and killed processes do not end",
       [](P p, B b) { p.c_.stick_disk(b.nodes[0], true); }},
      {"unstick disk NODE", "", [](P p, B b) { p.c_.stick_disk(b.nodes[0], false); }},
      {"hang postmaster NODE", "SIGSTOP: connections made earlier work, and nobody gets in",
       [](P p, B b) { p.c_.deafen(b.nodes[0], true); }},
      {"unhang postmaster NODE", "", [](P p, B b) { p.c_.deafen(b.nodes[0], false); }},
      {"busy NODE", "its machine: each look at the server takes 300 to 600 ms",
       [](P p, B b) { p.c_.node(b.nodes[0]).server.busy = 600ms; }},
      {"idle NODE", "its machine", [](P p, B b) { p.c_.node(b.nodes[0]).server.busy = 0s; }},
      {"reboot NODE for TIME", "orderly: SIGTERM, and the daemon starts with the machine",
       [](P p, B b) { p.c_.terminate_daemon(b.nodes[0], b.time); }},
      {"power off NODE for TIME", "", [](P p, B b) { p.c_.crash_node(b.nodes[0], b.time); }},
      {"unplug NODE", "the network cable", [](P p, B b) { p.plug(b.nodes[0], false); }},
      {"plug NODE", "", [](P p, B b) { p.plug(b.nodes[0], true); }},
      {"cut END END", "the way between two, nodes or etcd",
       [](P p, B b) { p.join(b.ends[0], b.ends[1], true, false); }},
      {"cut END to END", "one way only", [](P p, B b) { p.join(b.ends[0], b.ends[1], false, false); }},
      {"join END END", "", [](P p, B b) { p.join(b.ends[0], b.ends[1], true, true); }},
      {"join END to END", "", [](P p, B b) { p.join(b.ends[0], b.ends[1], false, true); }},
      {"stop etcd", "everywhere; connections are refused", [](P p, B) { p.c_.store.stop(true); }},
      {"silence etcd", "it hangs: no answer at all", [](P p, B) { p.c_.store.stop(false); }},
      {"start etcd", "", [](P p, B) { p.c_.store.start(); }},
      {"wipe etcd", "all keys are deleted", [](P p, B) { p.c_.store.wipe(); }},
      {"switchover", "asked of the REST API, as the next ones",
       [](P p, B) { p.c_.request_switchover(p.operators_node(), ""); }},
      {"switchover to NODE", "",
       [](P p, B b) { p.c_.request_switchover(p.operators_node(), p.c_.node(b.nodes[0]).name); }},
      {"failover to NODE", "",
       [](P p, B b) {
         p.c_.request(p.operators_node(), "POST", "/failover",
                      fmt::format(R"({{"candidate": "{}"}})", p.c_.node(b.nodes[0]).name));
       }},
      {"failover to NODE by force", "",
       [](P p, B b) {
         p.c_.request(p.operators_node(), "POST", "/failover",
                      fmt::format(R"({{"candidate": "{}", "force": true}})", p.c_.node(b.nodes[0]).name));
       }},
      {"pause", "", [](P p, B) { p.patch(R"({"pause": true})"); }},
      {"resume", "", [](P p, B) { p.patch(R"({"pause": null})"); }},
      {"set NAME VALUE", "in the dynamic configuration",
       [](P p, B b) { p.patch(fmt::format(R"({{"{}": {}}})", b.words[0], json_value(b.words[1]))); }},
      {"restart postgres NODE", "", [](P p, B b) { p.c_.request(b.nodes[0], "POST", "/restart", "{}"); }},
      {"reinitialize NODE", "",
       [](P p, B b) { p.c_.request(b.nodes[0], "POST", "/reinitialize", R"({"force": true})"); }},
      {"fill disk NODE", "", [](P p, B b) { p.c_.fill_disk(b.nodes[0], true); }},
      {"empty disk NODE", "", [](P p, B b) { p.c_.fill_disk(b.nodes[0], false); }},
      {"noloadbalance NODE VALUE", "the tag in its file, on or off, and SIGHUP",
       [](P p, B b) { p.c_.tag_noloadbalance(b.nodes[0], b.words[0] == "on"); }},
  };
  return all;
}

std::vector<std::pair<std::string, std::string>> Player::commands() {
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& command : table()) result.emplace_back(command.form, command.what);
  return result;
}

// ---- which nodes and values the words of a command mean

int Player::primary() const {
  for (const auto& node : c_.nodes) {
    if (node->server.writable()) return node->id;
  }
  const auto* key = c_.store.find(c_.key("leader"));
  return key ? node_called(key->value) : -1;
}

int Player::node_called(const std::string& word) const {
  for (const auto& node : c_.nodes) {
    if (node->name == word) return node->id;
  }
  if (word == "primary") return primary();
  if (word == "standby") {
    for (const auto& node : c_.nodes) {
      if (node->id != primary() && node->server.recovery && node->server.answers()) return node->id;
    }
  }
  return -1;
}

bool Player::bind(const std::string& placeholder, const std::string& word, Bound& bound) const {
  if (placeholder == "TIME") {
    const auto time = seconds_of(word);
    bound.time = time.value_or(0s);
    return time.has_value();
  }
  if (placeholder == "NODE") {
    bound.nodes.push_back(node_called(word));
    return bound.nodes.back() >= 0;
  }
  if (placeholder == "END") {
    bound.ends.push_back(word == "etcd" ? c_.dcs_endpoint() : node_called(word));
    return bound.ends.back() >= 0;
  }
  bound.words.push_back(word);
  return true;
}

std::optional<Player::Bound> Player::match(const Command& command, const Act& act) const {
  if (command.form == "cluster") return act.words.front() == "cluster" ? std::optional(Bound{}) : std::nullopt;
  Bound bound;
  std::size_t at = 0;
  std::string_view form = command.form;
  while (!form.empty()) {
    const auto end = std::min(form.find(' '), form.size());
    const std::string word(form.substr(0, end));
    form.remove_prefix(std::min(end + 1, form.size()));
    if (at >= act.words.size()) return std::nullopt;
    const bool placeholder = word.front() >= 'A' && word.front() <= 'Z';
    if (placeholder ? !bind(word, act.words[at], bound) : word != act.words[at]) return std::nullopt;
    ++at;
  }
  return at == act.words.size() ? std::optional(bound) : std::nullopt;
}

core::Result<void> Player::perform(const Act& act) {
  for (const auto& command : table()) {
    const auto bound = match(command, act);
    if (!bound) continue;
    const bool passing = act.words.front() == "run" || act.words.front() == "until" || act.words.front() == "cluster";
    std::string text = act.text;
    for (const int node : bound->nodes) {
      const auto& name = c_.node(node).name;
      if (text.find(name) == std::string::npos) text += fmt::format(" ({})", name);
    }
    if (!passing) say("> " + text);
    c_.trace.line("plan", text, true);
    command.perform(*this, *bound);
    return {};
  }
  return core::fail(fmt::format("line {}: no such command, or nobody is meant: {}", act.line, act.text));
}

// ---- time

void Player::advance(Time until) {
  const auto available = [this] {
    return std::ranges::any_of(c_.nodes, [](const auto& node) { return node->server.writable(); });
  };
  bool was = available();
  for (auto before = c_.scheduler.now(); checker_.violations().empty(); before = c_.scheduler.now()) {
    const bool more = c_.scheduler.step(until);
    if (!was) unavailable_ += c_.scheduler.now() - before;
    if (!more) return;
    checker_.after_event();
    was = available();
  }
}

void Player::come_up() {
  for (const auto& [name, value] : c_.options.settings) {
    if (name == "up" && value == "no") return;
  }
  settle(come_up_max);
  told_.clear();
  last_.clear();
  unavailable_ = {};
  since_ = c_.scheduler.now();
}

void Player::settle(Duration within) {
  const auto end = c_.scheduler.now() + within;
  for (int whole = 0; whole < whole_for_looks && c_.scheduler.now() < end && checker_.violations().empty();) {
    advance(c_.scheduler.now() + 1s);
    whole = checker_.trouble().empty() ? whole + 1 : 0;
    if (whole == 0 && c_.scheduler.now() >= end) checker_.violation("not whole in time: " + checker_.trouble());
  }
}

// ---- the lines of the transcript

void Player::say(std::string_view text) {
  told_ += fmt::format("{:>6.1f} {}\n", Trace::seconds(c_.scheduler.now() - since_), text);
}

void Player::hear(std::string_view who, std::string_view what) {
  const auto kind = without_digits(what);
  auto& last = last_[std::string(who)];
  if (kind == last) return;
  last = kind;
  say(fmt::format("{:<5} {}", who, what));
}

std::string Player::standing() const {
  std::string primaries, streaming, others;
  const int leads = primary();
  for (const auto& node : c_.nodes) {
    const auto& server = node->server;
    auto& list = server.writable()                                                                  ? primaries
                 : server.streaming && server.answers() && leads >= 0 && server.upstream() == leads ? streaming
                                                                                                    : others;
    list += (list.empty() ? "" : ", ") + node->name;
    if (&list == &others) {
      list += !node->up || !node->daemon                      ? " down"
              : server.process == core::ProcessState::running ? " read-only"
                                                              : " not running";
    }
  }
  std::string text = primaries.empty() ? "no primary" : primaries + " primary";
  if (leads >= 0 && !primaries.empty()) text += fmt::format(" on timeline {}", c_.node(leads).server.timeline());
  if (!streaming.empty()) text += "; " + streaming + (streaming.contains(',') ? " stream" : " streams");
  if (!others.empty()) text += "; " + others;
  return text;
}

std::string Player::transcript() {
  const auto lost = checker_.statistics().lost - lost_before_;
  lost_before_ = checker_.statistics().lost;
  auto text = std::move(told_);
  told_.clear();
  text += fmt::format(
      "     = {}; {}, {} lost\n", standing(),
      unavailable_ == 0s ? "writes all the time" : fmt::format("no writes for {:.1f} s", Trace::seconds(unavailable_)),
      lost == 0 ? std::string("none") : fmt::format("{}", lost));
  unavailable_ = {};
  since_ = c_.scheduler.now();
  last_.clear();
  return text;
}

void Player::show() {
  for (const auto& node : c_.nodes) {
    const auto* key = c_.store.find(c_.key("members/" + node->name));
    say(fmt::format("  {}: {}", node->name, key ? key->value : "no member key"));
  }
}

// ---- the actions of the commands

int Player::operators_node() const {
  for (const auto& node : c_.nodes) {
    if (node->daemon && node->up) return node->id;
  }
  return 0;
}

void Player::plug(int node, bool in) {
  for (int other = 0; other <= c_.dcs_endpoint(); ++other) {
    if (other != node) join(node, other, true, in);
  }
}

void Player::join(int a, int b, bool both, bool in) {
  in ? c_.network.heal(a, b) : c_.network.cut(a, b);
  if (!both) return;
  in ? c_.network.heal(b, a) : c_.network.cut(b, a);
}

void Player::patch(const std::string& json) { c_.request(operators_node(), "PATCH", "/config", json); }

void Player::get(int node, const std::string& path) {
  auto& one = c_.node(node);
  if (!one.daemon) return say(one.name + " " + path + ": connection refused");
  net::HttpRequest request;
  request.method = "GET";
  request.target = path;
  one.daemon->request(std::move(request), [this, &one, path](net::HttpResponse answer) {
    say(fmt::format("{:<5} {}: {}", one.name, path, answer.status));
  });
  advance(c_.scheduler.now() + 100ms);
}

}  // namespace tamada::sim
