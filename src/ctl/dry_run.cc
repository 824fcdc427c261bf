#include "ctl/dry_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "ctl/member_facts.h"
#include "ctl/schedule.h"
#include "ctl/terminal.h"
#include "wire/cluster_json.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

constexpr auto size_patience = std::chrono::seconds(15);  // the member looks at each of its files
constexpr auto nothing_is_changed = "Dry run: nothing is changed.\n";

// What prevents the member's promotion, by its own answer; empty when nothing does except that another member leads.
std::string kept_by(const MemberFacts& facts) {
  if (!facts.error.empty()) return "it does not answer: " + facts.error;
  if (!facts.member.tags.may_be_promoted()) return "it is tagged nofailover";
  for (const auto& gate : facts.explain.value_or(Json::object()).value("gates", Json::array())) {
    const auto name = wire::text_at(gate, "gate");
    if (name == "leader_key" || name == "pause" || gate.value("open", false)) continue;
    return wire::text_at(gate, "reason");
  }
  if (facts.explain) return "";
  return facts.member.running() ? "" : "it is " + facts.member.state;
}

const MemberFacts* facts_of(const std::vector<MemberFacts>& all, const std::string& name) {
  const auto found = std::ranges::find_if(all, [&](const auto& facts) { return facts.member.name == name; });
  return found == all.end() ? nullptr : &*found;
}

bool leads_cluster(const core::ClusterView& view, const std::string& name) {
  return !view.unlocked() && view.leader->name == name;
}

std::string reasons_of_restart(const core::Member& member) {
  std::string text;
  const auto reasons = wire::parse_object(member.pending_restart_reason_json).value_or(Json::object());
  const auto told = [](const Json& values, const char* key) {
    const Json* value = wire::find(values, key);
    return value ? text_of(*value) : std::string("?");
  };
  for (const auto& [parameter, values] : reasons.items()) {
    text += fmt::format("{}{} {} -> {}", text.empty() ? "" : ", ", parameter, told(values, "old_value"),
                        told(values, "new_value"));
  }
  return text.empty() ? (member.pending_restart ? "a restart is pending" : "") : "pending: " + text;
}

// Whether "150018" is an older version than "15.20".
bool is_older(std::int64_t running, const std::string& wanted) {
  std::int64_t numbers[3] = {0, 0, 0};
  std::size_t count = 0;
  for (std::size_t begin = 0; begin <= wanted.size() && count < 3; ++count) {
    const auto end = std::min(wanted.find('.', begin), wanted.size());
    numbers[count] = wire::integer_of(wanted.substr(begin, end - begin)).value_or(0);
    begin = end + 1;
  }
  const auto number =
      numbers[0] >= 10 ? numbers[0] * 10000 + numbers[1] : numbers[0] * 10000 + numbers[1] * 100 + numbers[2];
  return running < number;
}

// How much a member says that it holds; nullopt if it does not say so, as Patroni's daemon does.
std::optional<Json> size_of(Session& session, const core::Member& member) {
  const auto answer = session.request(member, "GET", "tamada/size", nullptr, size_patience);
  auto size = answer && answer->status == 200 ? wire::parse_object(answer->body) : std::nullopt;
  if (size && !wire::unsigned_at(*size, "data_bytes")) return std::nullopt;
  return size;
}

std::string bytes_at(const Json& size, const char* name) {
  return format_bytes(wire::unsigned_at(size, name).value_or(0));
}

// What becomes of the data that the copy replaces, and how much is copied.
void tell_sizes(const std::optional<Json>& replaced, const std::string& source, const std::optional<Json>& copied) {
  if (replaced) {
    const auto when = wire::text_at(*replaced, "replaced");
    const auto* fate = when == "before"     ? "would be removed before the copy begins"
                       : when == "in_place" ? "would be changed into the new ones in place"
                                            : "would be removed when the new ones are complete";
    echo(fmt::format("    its {} of data and {} of WAL {}\n", bytes_at(*replaced, "data_bytes"),
                     bytes_at(*replaced, "wal_bytes"), fate));
  }
  if (copied) {
    echo(fmt::format("    {} has {} of data to send, and the WAL written meanwhile\n", source,
                     bytes_at(*copied, "data_bytes")));
  }
}

}  // namespace

Done foretell_move(Session& session, const Cluster& cluster, const Move& move) {
  const auto& view = cluster.view;
  const auto facts = ask_members(session, view);
  const auto leader = view.unlocked() ? std::string() : view.leader->name;
  echo(nothing_is_changed);
  echo(fmt::format("Would {} cluster {}{} to {}{}.\n", move.verb == "switchover" ? "switch over" : "fail over",
                   cluster.name, leader.empty() ? "" : " from " + leader,
                   move.candidate ? *move.candidate : "the one of the members below that has received the most WAL",
                   move.at.empty() ? "" : " at " + move.at));
  if (!leader.empty()) {
    echo(fmt::format("  {}: would be stopped, and started as a replica of the new leader\n", leader));
  }
  std::string refused;
  bool anybody = false;
  for (const auto& [name, member] : view.members) {
    if (name == leader) continue;
    const auto* one = facts_of(facts, name);
    const auto why = one ? kept_by(*one) : "it does not answer";
    const bool meant = !move.candidate || *move.candidate == name;
    anybody |= meant && why.empty();
    if (!meant) {
      echo(fmt::format("  {}: would follow the new leader\n", name));
    } else if (why.empty()) {
      echo(fmt::format("  {}: {}\n", name, paint("nothing keeps it from being promoted", Colour::green)));
    } else {
      echo(fmt::format("  {}: {}\n", name, paint("it could not be promoted: " + why, Colour::red)));
      refused = name + ": " + why;
    }
  }
  if (anybody) return {};
  return core::fail(
      fmt::format("the {} would be refused: {}", move.verb, refused.empty() ? "there is no candidate" : refused));
}

Done foretell_restart(Session& session, const Cluster& cluster, const std::vector<core::Member>& members,
                      const RestartWish& wish) {
  const auto facts = ask_members(session, cluster.view);
  echo(nothing_is_changed);
  echo(fmt::format("Would restart, {}{}:\n", wish.rolling ? "one after the other, the leader last" : "in this order",
                   wish.at.empty() ? "" : ", at " + wish.at));
  bool all = true;
  for (const auto& member : members) {
    const auto* one = facts_of(facts, member.name);
    const bool leads = leads_cluster(cluster.view, member.name);
    const auto version = one && one->patroni ? wire::integer_at(*one->patroni, "server_version").value_or(0) : 0;
    std::string text = leads ? "it leads: " : "";
    if (one == nullptr || !one->error.empty()) {
      all = false;
      text = "it could not: it does not answer";
    } else if (!wish.below_version.empty() && version > 0 && !is_older(version, wish.below_version)) {
      text = fmt::format("it would be left alone: its version {} is not less than {}", format_pg_version(version),
                         wish.below_version);
    } else if (leads && wish.rolling) {
      text += "it would be restarted by a switchover";
    } else if (leads) {
      text += wish.timeout ? "no writes until it runs again; a failover when that takes longer than --timeout"
                           : "no writes until it runs again";
    } else {
      text += "its readers would be disconnected";
    }
    const auto reasons = reasons_of_restart(member);
    echo(fmt::format("  {}: {}{}\n", member.name, text, reasons.empty() ? "" : " (" + reasons + ")"));
  }
  return all ? Done() : core::fail("not all of them could be restarted");
}

Done foretell_reinit(Session& session, const Cluster& cluster, const std::vector<core::Member>& members,
                     const ReinitOptions& options) {
  const auto facts = ask_members(session, cluster.view);
  echo(nothing_is_changed);
  echo("Would be copied anew:\n");
  const auto leader = cluster.view.unlocked() ? std::string() : cluster.view.leader->name;
  const auto* source = cluster.view.leader_member();
  const auto copied = source ? size_of(session, *source) : std::nullopt;
  std::string refused;
  for (const auto& member : members) {
    const auto* one = facts_of(facts, member.name);
    std::string why;
    if (leader.empty()) why = "the cluster has no leader to copy";
    if (member.name == leader) why = "it leads the cluster";
    if (one == nullptr || !one->error.empty()) why = "it does not answer";
    if (member.state == "creating replica" && !options.force) why = "it is being copied already (--force begins anew)";
    if (why.empty()) {
      echo(fmt::format("  {}: its server would be stopped, its data directory put aside, and copied anew from {}\n",
                       member.name,
                       options.from_leader ? leader : "the leader " + leader + " or a member tagged clonefrom"));
      tell_sizes(size_of(session, member), leader, copied);
    } else {
      echo(fmt::format("  {}: {}\n", member.name, paint("it would be refused: " + why, Colour::red)));
      refused = member.name + ": " + why;
    }
  }
  return refused.empty() ? Done() : core::fail("it would be refused: " + refused);
}

Done foretell_remove(Session& session, const Cluster& cluster) {
  const auto keys = session.keys(cluster.name);
  if (!keys) return std::unexpected(keys.error());
  echo(nothing_is_changed);
  echo(fmt::format("Would delete from etcd, for ever, these {} keys:\n", keys->size()));
  for (const auto& key : *keys) echo("  " + key + "\n");
  for (const auto& facts : ask_members(session, cluster.view)) {
    if (!facts.error.empty()) continue;
    echo(fmt::format("  {}: its daemon runs, and would write its keys again: stop it first\n", facts.member.name));
  }
  echo("No data directory would be touched.\n");
  return {};
}

}  // namespace tamada::ctl
