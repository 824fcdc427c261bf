#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "ctl/commands.h"
#include "ctl/dry_run.h"
#include "ctl/handover_lines.h"
#include "ctl/member_rows.h"
#include "ctl/prompt.h"
#include "ctl/schedule.h"
#include "ctl/terminal.h"
#include "wire/cluster_json.h"
#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
// The answer comes when the move is over, and the old primary's shutdown checkpoint may be long.
constexpr core::Duration answer_timeout = 1h;

enum class Kind { switchover, failover };
const char* word(Kind kind) { return kind == Kind::switchover ? "switchover" : "failover"; }

// The names as Python prints a list: "['n1', 'n2']".
std::string python_list(const std::vector<std::string>& names) {
  std::string text = "[";
  for (const auto& name : names) text += (text.size() > 1 ? ", '" : "'") + name + "'";
  return text + "]";
}

// The request that is sent after the operator has answered all questions.
struct Wish {
  Kind kind = Kind::switchover;
  std::string leader;  // empty for a failover
  std::optional<std::string> candidate;
  std::optional<core::WallTime> at;
  bool force = false;
};

core::Result<std::string> choose_leader(const Cluster& cluster, const MoveOptions& options) {
  const auto& view = cluster.view;
  if (view.unlocked()) {
    return fail("This cluster has no leader", "without a leader only failover --candidate NAME can make one");
  }
  auto leader = options.leader;
  if (!leader && options.force) leader = view.leader->name;
  if (!leader) {
    leader = prompt(wire::cluster_modes(view).standby_cluster ? "Standby Leader" : "Primary", view.leader->name);
    if (!leader) return stopped();
  }
  if (*leader == view.leader->name) return *leader;
  return fail(fmt::format("Member {} is not the leader of cluster {}", *leader, cluster.name),
              "the leader is " + view.leader->name);
}

core::Result<std::optional<std::string>> choose_candidate(const Cluster& cluster, const MoveOptions& options,
                                                          Kind kind) {
  const auto leader = cluster.view.unlocked() ? "" : cluster.view.leader->name;
  std::vector<std::string> names;
  for (const auto& [name, member] : cluster.view.members) {
    if (name != leader && member.tags.may_be_promoted()) names.push_back(name);
  }
  if (names.empty()) {
    return fail(fmt::format("No candidates found to {} to", word(kind)),
                "list -e shows the members and their tags: none but the leader may be promoted");
  }
  const auto hint = "who may be promoted: " + python_list(names);
  auto candidate = options.candidate;
  if (!candidate && !options.force) {
    candidate = prompt("Candidate " + python_list(names), "");
    if (!candidate) return stopped();
  }
  if (!candidate || candidate->empty()) {
    if (kind == Kind::failover) return fail("Failover could be performed only to a specific candidate", hint);
    return candidate;
  }
  if (std::ranges::find(names, *candidate) != names.end()) return candidate;
  if (*candidate == leader) {
    return core::fail(fmt::format("Member {} is already the leader of cluster {}", *candidate, cluster.name));
  }
  return fail(
      fmt::format("Member {} does not exist in cluster {} or is tagged as nofailover", *candidate, cluster.name), hint);
}

// Asks for confirmation, because a node that was not synchronous may lack acknowledged commits.
Done confirm_asynchronous(const core::ClusterView& view, const std::string& candidate) {
  if (!wire::cluster_modes(view).synchronous || !view.sync || view.sync->leader.empty()) return {};
  const auto& standbys = view.sync->standbys;
  if (candidate == view.sync->leader || std::ranges::find(standbys, candidate) != standbys.end()) return {};
  const auto sure = confirm("Are you sure you want to failover to the asynchronous node " + candidate + "?");
  if (!sure) return stopped();
  if (!*sure) return core::fail("Aborting failover");
  return {};
}

core::Result<std::optional<core::WallTime>> choose_time(const core::ClusterView& view, const MoveOptions& options) {
  auto text = options.scheduled;
  if (!text && !options.force) {
    text = prompt("When should the switchover take place (e.g. " + next_hour() + " ) ", "now");
    if (!text) return stopped();
  }
  auto at = parse_scheduled(text.value_or("now"));
  if (at && *at && wire::cluster_modes(view).paused) {
    return fail("Can't schedule switchover in the paused state", "resume the cluster first, or switch over now");
  }
  return at;
}

Done confirm_wish(const Cluster& cluster, const Wish& wish) {
  const auto demoting = cluster.view.unlocked() ? "" : ", demoting current leader " + cluster.view.leader->name;
  const auto question =
      wish.at ? fmt::format("Are you sure you want to schedule switchover of cluster {} at {}{}?", cluster.name,
                            wire::format_iso(*wish.at), demoting)
              : fmt::format("Are you sure you want to {} cluster {}{}?", word(wish.kind), cluster.name, demoting);
  const auto answer = confirm(question);
  if (!answer) return stopped();
  if (!*answer) return core::fail(fmt::format("Aborting {}{}", wish.at ? "scheduled " : "", word(wish.kind)));
  return {};
}

core::Result<Wish> ask(const Cluster& cluster, const MoveOptions& options, Kind kind) {
  Wish wish{.kind = kind, .force = options.force && kind == Kind::failover};
  if (kind == Kind::switchover) {
    auto leader = choose_leader(cluster, options);
    if (!leader) return std::unexpected(leader.error());
    wish.leader = *leader;
  }
  auto candidate = choose_candidate(cluster, options, kind);
  if (!candidate) return std::unexpected(candidate.error());
  wish.candidate = *candidate;
  if (kind == Kind::switchover) {
    auto at = choose_time(cluster.view, options);
    if (!at) return std::unexpected(at.error());
    wish.at = *at;
  } else if (!options.force) {
    if (auto sure = confirm_asynchronous(cluster.view, *wish.candidate); !sure) return std::unexpected(sure.error());
  }
  if (!options.force) {
    if (auto sure = confirm_wish(cluster, wish); !sure) return std::unexpected(sure.error());
  }
  return wish;
}

// If no member answers, the request is written to the key `failover`, which the leader watches.
Done write_request(Session& session, const std::string& cluster, const Wish& wish) {
  core::FailoverRequest request;
  request.leader = wish.leader;
  request.candidate = wish.candidate.value_or("");
  request.scheduled_at = wish.at;
  request.force = wish.force;
  warn("Failing over to DCS");
  echo(fmt::format("{} Could not {} using Patroni api, falling back to DCS\n", timestamp(5), word(wish.kind)));
  auto written = session.write(cluster, "failover", wire::failover_json(request), std::nullopt);
  if (!written) return std::unexpected(written.error());
  return {};
}

// Sends the request. On a terminal it prints the phases meanwhile, if the daemon reports them; Patroni's does not.
core::Result<net::HttpResponse> post_watched(Session& session, const core::Member& asked, const Wish& wish,
                                             const Json& body) {
  constexpr auto watched = "tamada/handover";
  const auto before = is_terminal() && !wish.at ? session.request(asked, "GET", watched)
                                                : core::Result<net::HttpResponse>(net::HttpResponse{.status = 503});
  if (!before || before->status != 200) return session.request(asked, "POST", word(wish.kind), &body, answer_timeout);
  HandoverLines lines(wire::parse_object(before->body).value_or(Json::object()));
  const auto look = [&](const net::HttpResponse& seen) {
    if (const auto handover = wire::parse_object(seen.body)) send(lines.look(*handover));
  };
  auto answer = session.request_watched(asked, "POST", word(wish.kind), body, answer_timeout, watched, look);
  // The answer comes when the new leader has the key, so this loop waits for its promotion.
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (answer && answer->status == 200 && !lines.over() && std::chrono::steady_clock::now() < end) {
    if (const auto seen = session.request(asked, "GET", watched)) look(*seen);
    std::this_thread::sleep_for(50ms);
  }
  send(lines.end());
  return answer;
}

core::Result<net::HttpResponse> post(Session& session, const core::ClusterView& view, const Wish& wish) {
  const auto* asked = view.unlocked() ? view.member(wish.candidate.value_or("")) : view.leader_member();
  if (!asked) return core::fail("the leader has no member key");
  Json body = {{"candidate", wish.candidate ? Json(*wish.candidate) : Json(nullptr)}};
  if (wish.kind == Kind::switchover) body["leader"] = wish.leader;
  if (wish.at) body["scheduled_at"] = wire::format_iso(*wish.at);
  if (wish.force) body["force"] = true;
  auto answer = post_watched(session, *asked, wish, body);
  // Before Patroni 1.6 there was only POST /failover.
  if (answer && answer->status == 501) answer = session.request(*asked, "POST", "failover", &body, answer_timeout);
  return answer;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Done move_leader(Session& session, const MoveOptions& options, Kind kind) {
  auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  auto& [name, view] = *cluster;
  echo("Current cluster topology\n" + format_members(view, name, false, Format::pretty));
  auto wishes = options;
  wishes.force |= options.dry_run;  // there is nothing to confirm
  const auto wish = ask(*cluster, wishes, kind);
  if (!wish) return std::unexpected(wish.error());
  if (options.dry_run) {
    return foretell_move(session, *cluster,
                         {.verb = word(kind),
                          .candidate = wish->candidate,
                          .at = wish->at ? wire::format_iso(*wish->at) : std::string()});
  }

  const auto answer = post(session, view, *wish);
  if (!answer) {
    warn(answer.error().what);
    if (auto written = write_request(session, name, *wish); !written) return written;
  } else if (answer->status == 200 || answer->status == 202) {
    auto after = session.cluster(name);
    if (!after) return std::unexpected(after.error());
    view = std::move(*after);
    echo(timestamp(5) + " " + answer->body + "\n");
  } else {
    const bool unknown = lower(answer->body).contains("status unknown");
    echo(fmt::format("{} {}, details: {}, {}\n", kind == Kind::switchover ? "Switchover" : "Failover",
                     unknown ? "result unknown" : "failed", answer->status, answer->body));
    return failure_told();
  }
  echo(format_members(view, name, false, Format::pretty));
  return {};
}

}  // namespace

Done switchover(Session& session, const MoveOptions& options) {
  return move_leader(session, options, Kind::switchover);
}
Done failover(Session& session, const MoveOptions& options) { return move_leader(session, options, Kind::failover); }

}  // namespace tamada::ctl
