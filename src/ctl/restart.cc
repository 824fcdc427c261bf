#include <fmt/format.h>

#include <chrono>
#include <random>

#include "ctl/commands.h"
#include "ctl/dry_run.h"
#include "ctl/member_choice.h"
#include "ctl/prompt.h"
#include "ctl/rolling.h"
#include "ctl/schedule.h"
#include "ctl/terminal.h"
#include "wire/cluster_json.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration restart_timeout = 1h;  // the answer comes when the server runs again

core::Result<std::optional<core::WallTime>> choose_time(const RestartOptions& options) {
  auto text = options.scheduled;
  if (!text && !options.force) {
    text = prompt("When should the restart take place (e.g. " + next_hour() + ") ", "now");
    if (!text) return stopped();
  }
  return parse_scheduled(text.value_or("now"));
}

Done confirm_restart(const std::vector<core::Member>& members, const std::optional<core::WallTime>& at, bool pending) {
  if (!at) return confirm_members(members, "restart");
  const auto sure =
      pending ? confirm(
                    "The nodes needing a restart will be identified at the scheduled time, and might be different from "
                    "the ones showing pending restart right now. Is this fine?")
              : confirm(fmt::format("Are you sure you want to schedule restart of members {} at {}?",
                                    join_names(members), wire::format_iso(*at)));
  if (!sure) return stopped();
  if (!*sure) return core::fail("Aborted scheduled restart");
  return {};
}

// The version below which a member restarts; empty when any version does.
core::Result<std::string> choose_version(const RestartOptions& options) {
  auto version = options.pg_version;
  if (!version && !options.force) {
    version = prompt("Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ", "");
    if (!version) return stopped();
  }
  if (!version || version->empty()) return "";
  if (auto valid = check_pg_version(*version); !valid) return std::unexpected(valid.error());
  return *version;
}

// Returns whether the restart succeeded; an error when there was no answer.
core::Result<bool> restart_member(Session& session, const core::Member& member, const Json& wish, bool force) {
  if (force && wish.contains("schedule") && !member.scheduled_restart_json.empty()) {
    const auto flushed = session.request(member, "DELETE", "restart");
    if (!flushed) return std::unexpected(flushed.error());
    check_response(*flushed, member.name, "flush scheduled restart", true);
  }
  const auto answer = session.request(member, "POST", "restart", &wish, restart_timeout);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) {
    echo("Success: restart on member " + member.name + "\n");
  } else if (answer->status == 202) {
    echo("Success: restart scheduled on member " + member.name + "\n");
  } else if (answer->status == 409) {
    echo("Failed: another restart is already scheduled on member " + member.name + "\n");
  } else {
    check_response(*answer, member.name, "restart");
  }
  return answer->status == 200 || answer->status == 202;
}

core::Result<std::vector<core::Member>> whom(Session& session, const Cluster& cluster, const RestartOptions& options,
                                             std::optional<core::WallTime>& at) {
  auto members =
      choose_members(session, cluster, options, {.action = "restart", .role_shown = "'" + options.role + "'"});
  if (!members) return members;
  auto wishes = options;
  wishes.force |= options.dry_run || options.rolling;  // a rolling restart is never scheduled
  const auto when = choose_time(wishes);
  if (!when) return std::unexpected(when.error());
  at = *when;
  // For a scheduled restart it is not known yet which members will need it at that time.
  if (options.pending && !at) std::erase_if(*members, [](const auto& member) { return !member.pending_restart; });
  if (options.any_one && members->size() > 1) {
    std::random_device random;
    std::swap(members->front(), (*members)[random() % members->size()]);
    members->resize(1);
  }
  return members;
}

}  // namespace

Done restart(Session& session, const RestartOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  std::optional<core::WallTime> at;
  const auto members = whom(session, *cluster, options, at);
  if (!members) return std::unexpected(members.error());
  if (members->empty()) {
    echo("No member has a pending restart\n");
    return {};
  }
  if (options.rolling && (at || options.any_one)) {
    return core::fail("--rolling is neither for --scheduled nor for --any");
  }
  if (!options.force && !options.dry_run) {
    if (auto sure = confirm_restart(*members, at, options.pending); !sure) return sure;
  }
  auto wishes = options;
  wishes.force |= options.dry_run;
  const auto version = choose_version(wishes);
  if (!version) return std::unexpected(version.error());

  Json wish = Json::object();
  if (options.pending) wish["restart_pending"] = true;
  if (!version->empty()) wish["postgres_version"] = *version;
  if (at && wire::cluster_modes(cluster->view).paused) {
    return fail("Can't schedule restart in the paused state", "resume the cluster first, or restart now");
  }
  if (at) wish["schedule"] = wire::format_iso(*at);
  if (options.timeout) wish["timeout"] = *options.timeout;
  const auto ordered = options.rolling ? leader_last(cluster->view, *members) : *members;
  if (options.dry_run) {
    return foretell_restart(session, *cluster, ordered,
                            {.at = at ? wire::format_iso(*at) : std::string(),
                             .below_version = *version,
                             .rolling = options.rolling,
                             .timeout = options.timeout.has_value()});
  }
  if (options.rolling) {
    return restart_rolling(session, *cluster, ordered,
                           [&](const core::Member& member) { return restart_member(session, member, wish, true); });
  }
  Tally tally;
  for (const auto& member : *members) {
    const auto done = restart_member(session, member, wish, options.force);
    if (done) {
      tally.add(*done);
      continue;
    }
    report_unreachable("restart", member, done.error());
    ++tally.silent;
  }
  return outcome(tally);
}

}  // namespace tamada::ctl
