#include "ctl/rolling.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/sync.h"
#include "ctl/cluster_goal.h"
#include "ctl/member_choice.h"
#include "ctl/terminal.h"
#include "wire/cluster_json.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
// The limit is long, because a server may have to replay much WAL before it streams again. The operator may stop
// waiting at any time.
constexpr auto streaming_timeout = 30min;
constexpr core::Duration switchover_timeout = 1h;

bool is_leader(const core::ClusterView& view, const std::string& name) {
  return !view.unlocked() && view.leader->name == name;
}

// Why the member does not stream. The member itself is asked, because its key in the DCS may still be from before the
// restart.
std::string why_not_by_its_word(Session& session, const core::ClusterView& view, core::Member member) {
  const auto answer = session.request(member, "GET", "patroni", nullptr, 2s);
  const auto status = answer ? wire::parse_object(answer->body) : std::nullopt;
  if (!status) return member.name + " does not answer";
  member.state = wire::text_at(*status, "state");
  member.replication_state = wire::text_at(*status, "replication_state");
  return why_not_streaming(view, member);
}

// Waits for the member, and prints its name once.
Done wait_until_streaming(Session& session, const std::string& cluster, const std::string& member) {
  const auto end = std::chrono::steady_clock::now() + streaming_timeout;
  std::string why = "etcd does not answer";
  for (bool told = false; std::chrono::steady_clock::now() < end; told = true) {
    if (const auto view = session.cluster(cluster)) {
      const auto* now = view->member(member);
      why = now ? why_not_by_its_word(session, *view, *now) : member + " has no member key";
      if (why.empty()) return {};
    }
    if (!told) echo("Waiting until " + member + " streams again\n");
    std::this_thread::sleep_for(250ms);
  }
  return core::fail(why);
}

Done hand_over(Session& session, const std::string& cluster, const std::string& leader, const std::string& to) {
  const auto view = session.cluster(cluster);
  if (!view) return std::unexpected(view.error());
  const auto* asked = view->member(leader);
  if (asked == nullptr) return core::fail(leader + " has no member key");
  echo(fmt::format("Switching over from {} to {}\n", leader, to));
  const Json body = {{"leader", leader}, {"candidate", to}};
  const auto answer = session.request(*asked, "POST", "switchover", &body, switchover_timeout);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) return core::fail(fmt::format("switchover: {}, {}", answer->status, answer->body));
  return wait_until_streaming(session, cluster, leader);
}

// The switchover has stopped and started the old leader's server, so the server is restarted only if it still reports
// that it waits for a restart.
Done restart_leader(Session& session, const Cluster& cluster, const core::Member& leader,
                    const std::vector<core::Member>& restarted,
                    const std::function<core::Result<bool>(const core::Member&)>& restart) {
  auto view = session.cluster(cluster.name);
  if (!view) return std::unexpected(view.error());
  const auto to = successor(*view, restarted);
  if (!to.empty()) {
    if (auto done = hand_over(session, cluster.name, leader.name, to); !done) return done;
    view = session.cluster(cluster.name);
    if (!view) return std::unexpected(view.error());
    const auto* now = view->member(leader.name);
    if (now == nullptr || !now->pending_restart) {
      echo(fmt::format("Success: restart on member {} by the switchover to {}\n", leader.name, to));
      return {};
    }
  } else {
    echo("Nobody can take over from " + leader.name + ": it is restarted where it is\n");
  }
  const auto done = restart(leader);
  if (!done) return std::unexpected(done.error());
  if (!*done) return core::fail("restart on member " + leader.name + " failed");
  return to.empty() ? Done() : wait_until_streaming(session, cluster.name, leader.name);
}

}  // namespace

std::vector<core::Member> leader_last(const core::ClusterView& view, std::vector<core::Member> members) {
  const auto leader = std::ranges::find_if(members, [&](const auto& member) { return is_leader(view, member.name); });
  if (leader != members.end()) std::rotate(leader, leader + 1, members.end());
  return members;
}

std::string successor(const core::ClusterView& view, const std::vector<core::Member>& preferred) {
  std::string found;
  for (const auto& [name, member] : view.members) {
    if (is_leader(view, name) || !member.tags.may_be_promoted() || !why_not_streaming(view, member).empty()) continue;
    if (wire::cluster_modes(view).synchronous && !core::is_sync_standby(view, name)) continue;
    if (std::ranges::find(preferred, name, &core::Member::name) != preferred.end()) return name;
    if (found.empty()) found = name;
  }
  return found;
}

Done restart_rolling(Session& session, const Cluster& cluster, const std::vector<core::Member>& members,
                     const std::function<core::Result<bool>(const core::Member&)>& restart) {
  std::vector<core::Member> restarted;
  for (const auto& member : members) {
    Done done;
    if (is_leader(cluster.view, member.name)) {
      done = restart_leader(session, cluster, member, restarted, restart);
    } else {
      const auto succeeded = restart(member);
      if (!succeeded) {
        report_unreachable("restart", member, succeeded.error());
        done = core::fail(member.name + " could not be reached");
      } else if (!*succeeded) {
        done = core::fail("restart on member " + member.name + " failed");
      } else {
        done = wait_until_streaming(session, cluster.name, member.name);
      }
    }
    if (!done) {
      const std::vector<core::Member> left(members.begin() + static_cast<std::ptrdiff_t>(restarted.size()),
                                           members.end());
      return fail(done.error().what, "the rolling restart has ended here; not restarted: " + join_names(left));
    }
    restarted.push_back(member);
  }
  return {};
}

}  // namespace tamada::ctl
