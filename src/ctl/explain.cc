#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "ctl/commands.h"
#include "ctl/member_facts.h"
#include "ctl/reinit_progress.h"
#include "ctl/terminal.h"
#include "wire/cluster_json.h"
#include "wire/json.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

std::string since(const Json& decision) {
  const auto at = wire::parse_iso(wire::text_at(decision, "since"));
  if (!at) return "";
  const auto age = std::chrono::duration<double>(std::chrono::system_clock::now() - at->time).count();
  return fmt::format(" for {} (since {})", format_age(age), clock_time(wire::text_at(decision, "since"), 0));
}

std::string promotion(const Json& explain) {
  if (explain.value("leads", false)) return paint("it leads the cluster", Colour::green);
  if (explain.value("may_be_promoted", false)) return paint("nothing keeps it from being promoted", Colour::green);
  const auto closed = [](const Json& gate) {
    return !gate.value("open", false) && wire::text_at(gate, "gate") != "leader_key";
  };
  return std::ranges::any_of(explain.value("gates", Json::array()), closed)
             ? paint("what keeps it from being promoted:", Colour::yellow)
             : paint("it could take over; only this prevents it now:", Colour::green);
}

std::string closed_gates(const Json& explain) {
  std::string text;
  for (const auto& gate : explain.value("gates", Json::array())) {
    if (gate.value("open", false)) continue;
    text += fmt::format("    {:<11} {}\n", wire::text_at(gate, "gate"), wire::text_at(gate, "reason"));
  }
  return text;
}

std::string job(const Json& explain) {
  const Json* job = wire::find(explain, "job");
  if (job == nullptr || !job->is_object()) return "";
  return fmt::format("  at work: {}, {} for {}\n", wire::text_at(*job, "job"), wire::text_at(*job, "step"),
                     format_age(job->value("seconds", 0.0)));
}

// Every daemon has its own lease. The leader key hangs on the lease of the leader's daemon.
std::string lease(const Json& explain) {
  const Json* left = wire::find(explain, "lease_seconds_left");
  if (left == nullptr || !left->is_number()) return "";
  return fmt::format(", {} {:.1f} s unless renewed",
                     explain.value("leads", false) ? "its leader key lasts" : "its member key lasts",
                     left->get<double>());
}

std::string lag(const Json& row) {
  if (const auto bytes = wire::unsigned_at(row, "replay_lag")) {
    return *bytes == 0 ? ", not behind" : ", " + format_bytes(*bytes) + " behind";
  }
  return "";
}

// An older daemon answers with one line for all problems.
std::string problems(const Json& explain) {
  std::string text;
  for (const auto& one : explain.value("problems", Json::array())) {
    text += "  " + paint("problem: " + wire::text_at(one, "text"), Colour::yellow) + "\n";
  }
  const auto trouble = wire::text_at(explain, "trouble");
  if (text.empty() && !trouble.empty()) text = "  " + paint("problem: " + trouble, Colour::yellow) + "\n";
  return text;
}

// `row`: its line of the list.
std::string describe(const MemberFacts& facts, const Json& row) {
  const auto role = wire::text_at(row, "role");
  auto text = paint(facts.member.name, Colour::bold);
  if (!facts.error.empty()) {
    return text + ": " + paint("no answer: " + facts.error, Colour::red) +
           fmt::format("\n  its key in etcd says: {}, {}\n", role, facts.member.state);
  }
  if (!facts.explain)
    return text +
           fmt::format(": {}, {} (it runs Patroni, which does not explain its state)\n", role, facts.member.state);
  const Json& explain = *facts.explain;
  text += fmt::format(": {}, {}{}{}\n", role, wire::text_at(explain, "state"), lag(row), lease(explain));
  if (const Json* decision = wire::find(explain, "decision"); decision && decision->is_object()) {
    text += fmt::format("  decided by the rule {}{}:\n    {}\n", paint(wire::text_at(*decision, "rule"), Colour::cyan),
                        since(*decision), wire::text_at(*decision, "reason"));
  }
  text += problems(explain);
  text += job(explain) + "  " + promotion(explain) + "\n";
  return explain.value("leads", false) ? text : text + closed_gates(explain);
}

Json as_json(const std::vector<MemberFacts>& members) {
  Json all = Json::array();
  for (const auto& facts : members) {
    Json one = facts.explain.value_or(Json{{"member", facts.member.name}});
    if (!facts.error.empty()) one["error"] = facts.error;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

Done explain(Session& session, const ExplainOptions& options) {
  const auto cluster = session.look(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  warn_of(*cluster);
  auto members = ask_members(session, cluster->view, cluster->patience());
  std::erase_if(members, [&](const auto& facts) {
    return !options.members.empty() && std::ranges::find(options.members, facts.member.name) == options.members.end();
  });
  if (members.empty()) return fail("No such member in cluster " + cluster->name, "list shows the members");
  if (options.json) {
    echo(wire::dump_python(as_json(members)) + "\n");
    return {};
  }
  const Json rows = wire::cluster_json(cluster->view)["members"];
  for (const auto& facts : members) {
    const auto row = std::ranges::find_if(rows, [&](const Json& one) { return one["name"] == facts.member.name; });
    echo(describe(facts, row == rows.end() ? Json::object() : *row));
  }
  return {};
}

}  // namespace tamada::ctl
