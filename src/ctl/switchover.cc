#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "ctl/commands.h"
#include "ctl/member_rows.h"
#include "ctl/prompt.h"
#include "wire/cluster_json.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
// The answer comes when the switchover is over, and the old primary's shutdown checkpoint may be long.
constexpr core::Duration answer_timeout = 1h;

std::unexpected<core::Error> stopped() { return core::fail(aborted); }

// "['n1', 'n2']", as Python prints a list.
std::string python_list(const std::vector<std::string>& names) {
  std::string text = "[";
  for (const auto& name : names) text += (text.size() > 1 ? ", '" : "'") + name + "'";
  return text + "]";
}

// A time without a zone is local.
core::Result<std::optional<core::WallTime>> parse_scheduled(const std::string& text) {
  if (text.empty() || text == "now") return std::nullopt;
  const auto parsed = wire::parse_iso(text);
  if (!parsed) {
    return core::fail(fmt::format(
        "Unable to parse scheduled timestamp ({}). It should be in an unambiguous format (e.g. ISO 8601)", text));
  }
  if (parsed->has_zone) return parsed->time;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(parsed->time);
  std::tm fields = fmt::gmtime(static_cast<std::time_t>(seconds.time_since_epoch().count()));
  fields.tm_isdst = -1;
  return core::WallTime(std::chrono::seconds(std::mktime(&fields)) + (parsed->time - seconds));
}

// What is asked of the cluster, once everything has been said.
struct Wish {
  std::string leader;
  std::optional<std::string> candidate;
  std::optional<core::WallTime> at;
};

core::Result<std::string> choose_leader(const core::ClusterView& view, const std::string& cluster,
                                        const SwitchoverOptions& options) {
  if (view.unlocked()) return core::fail("This cluster has no leader");
  auto leader = options.leader;
  if (!leader && options.force) leader = view.leader->name;
  if (!leader) {
    leader = prompt(wire::cluster_modes(view).standby_cluster ? "Standby Leader" : "Primary", view.leader->name);
    if (!leader) return stopped();
  }
  if (*leader != view.leader->name) {
    return core::fail(fmt::format("Member {} is not the leader of cluster {}", *leader, cluster));
  }
  return *leader;
}

core::Result<std::optional<std::string>> choose_candidate(const core::ClusterView& view, const std::string& cluster,
                                                          const SwitchoverOptions& options) {
  std::vector<std::string> names;
  for (const auto& [name, member] : view.members) {
    if (name != view.leader->name && member.tags.may_be_promoted()) names.push_back(name);
  }
  if (names.empty()) return core::fail("No candidates found to switchover to");
  auto candidate = options.candidate;
  if (!candidate && !options.force) {
    candidate = prompt("Candidate " + python_list(names), "");
    if (!candidate) return stopped();
  }
  if (!candidate || candidate->empty() || std::ranges::find(names, *candidate) != names.end()) return candidate;
  if (*candidate == view.leader->name) {
    return core::fail(fmt::format("Member {} is already the leader of cluster {}", *candidate, cluster));
  }
  return core::fail(
      fmt::format("Member {} does not exist in cluster {} or is tagged as nofailover", *candidate, cluster));
}

core::Result<std::optional<core::WallTime>> choose_time(const core::ClusterView& view,
                                                        const SwitchoverOptions& options) {
  auto text = options.scheduled;
  if (!text && !options.force) {
    const auto next_hour = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + 1h);
    text = prompt(
        fmt::format("When should the switchover take place (e.g. {:%Y-%m-%dT%H:%M} ) ", fmt::localtime(next_hour)),
        "now");
    if (!text) return stopped();
  }
  auto at = parse_scheduled(text.value_or("now"));
  if (at && *at && wire::cluster_modes(view).paused) return core::fail("Can't schedule switchover in the paused state");
  return at;
}

Done confirm_wish(const std::string& cluster, const Wish& wish) {
  const auto demoting = ", demoting current leader " + wish.leader + "?";
  const auto answer = wish.at
                          ? confirm(fmt::format("Are you sure you want to schedule switchover of cluster {} at {}{}",
                                                cluster, wire::format_iso(*wish.at), demoting))
                          : confirm("Are you sure you want to switchover cluster " + cluster + demoting);
  if (!answer) return stopped();
  if (!*answer) return core::fail(wish.at ? "Aborting scheduled switchover" : "Aborting switchover");
  return {};
}

core::Result<Wish> ask(const core::ClusterView& view, const std::string& cluster, const SwitchoverOptions& options) {
  Wish wish;
  auto leader = choose_leader(view, cluster, options);
  if (!leader) return std::unexpected(leader.error());
  wish.leader = *leader;
  auto candidate = choose_candidate(view, cluster, options);
  if (!candidate) return std::unexpected(candidate.error());
  wish.candidate = *candidate;
  auto at = choose_time(view, options);
  if (!at) return std::unexpected(at.error());
  wish.at = *at;
  if (!options.force) {
    if (auto sure = confirm_wish(cluster, wish); !sure) return std::unexpected(sure.error());
  }
  return wish;
}

// Nobody answers: the key `failover`, which the leader watches.
Done write_request(Session& session, const std::string& cluster, const Wish& wish) {
  core::FailoverRequest request;
  request.leader = wish.leader;
  request.candidate = wish.candidate.value_or("");
  request.scheduled_at = wish.at;
  echo(timestamp(5) + " Could not switchover using Patroni api, falling back to DCS\n");
  auto written = session.write(cluster, "failover", wire::failover_json(request), std::nullopt);
  if (!written) return std::unexpected(written.error());
  return {};
}

core::Result<net::HttpResponse> post(Session& session, const core::ClusterView& view, const Wish& wish) {
  const auto* leader = view.leader_member();
  if (!leader) return core::fail("the leader has no member key");
  Json body = {{"candidate", wish.candidate ? Json(*wish.candidate) : Json(nullptr)}, {"leader", wish.leader}};
  if (wish.at) body["scheduled_at"] = wire::format_iso(*wish.at);
  auto answer = session.request(*leader, "POST", "switchover", &body, answer_timeout);
  // Before Patroni 1.6 there was only the one request.
  if (answer && answer->status == 501) answer = session.request(*leader, "POST", "failover", &body, answer_timeout);
  return answer;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

Done switchover(Session& session, const SwitchoverOptions& options) {
  const auto name = session.cluster_name(options.cluster);
  if (!name) return std::unexpected(name.error());
  auto view = session.cluster(*name);
  if (!view) return std::unexpected(view.error());
  echo("Current cluster topology\n" + format_members(*view, *name, false, Format::pretty));
  const auto wish = ask(*view, *name, options);
  if (!wish) return std::unexpected(wish.error());

  const auto answer = post(session, *view, *wish);
  if (!answer) {
    if (auto written = write_request(session, *name, *wish); !written) return written;
  } else if (answer->status == 200 || answer->status == 202) {
    view = session.cluster(*name);
    if (!view) return std::unexpected(view.error());
    echo(timestamp(5) + " " + answer->body + "\n");
  } else {
    const bool unknown = lower(answer->body).contains("status unknown");
    echo(fmt::format("Switchover {}, details: {}, {}\n", unknown ? "result unknown" : "failed", answer->status,
                     answer->body));
    return {};
  }
  echo(format_members(*view, *name, false, Format::pretty));
  return {};
}

}  // namespace tamada::ctl
