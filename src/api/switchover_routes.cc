// POST /switchover, POST /failover, DELETE /switchover: write the key `failover`, and wait for the outcome.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "api/body.h"
#include "api/errors.h"
#include "api/routes.h"
#include "api/status.h"
#include "core/candidate.h"
#include "core/lost_keys.h"
#include "core/sync.h"
#include "net/log.h"
#include "wire/cluster_json.h"
#include "wire/json.h"
#include "wire/peer.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

constexpr int key_attempts_max = 3;  // attempts to write the key while others write it, too

std::string name_at(const Json& body, std::string_view key) {
  const auto* value = wire::find(body, key);
  if (!value || value->is_null()) return {};
  if (value->is_boolean() && !value->get<bool>()) return {};
  return value->is_string() ? value->get<std::string>() : value->dump();
}

bool is_truthy(const Json& value) {
  return !value.is_null() && value != false && value != 0 && value != "" && !value.empty();
}

std::string capitalized(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

// "switchover" -> "switched", "failover" -> "failed"
std::string past(const std::string& action) { return action.substr(0, action.size() - 4) + "ed"; }

// Why the member cannot take over, given its answer. Patroni checks only the tags and the watchdog here, and leaves the
// rest to the leader, whose refusal the operator does not see.
std::optional<std::string> obstacle_of(const core::Member& member, const core::Result<HttpResponse>& answer,
                                       const Snapshot& snapshot) {
  const auto& seen = snapshot.seen;
  const auto body = answer ? wire::parse_object(answer->body) : std::nullopt;
  if (!body) return core::candidate_obstacle(member, nullptr, {}, 0);
  const auto* watchdog_failed = wire::find(*body, "watchdog_failed");
  if (watchdog_failed && wire::to_bool(*watchdog_failed).value_or(false)) return member.name + ": its watchdog failed";
  auto peer = wire::parse_peer(answer->body);
  peer.reachable = true;
  // Without a leader there is no position to compare with, so the operator's choice counts.
  if (seen.cluster.unlocked()) {
    peer.in_recovery = true;
    return core::candidate_obstacle(member, &peer, {}, std::numeric_limits<core::Lsn>::max());
  }
  core::Reference reference{.lsn = seen.cluster.status ? seen.cluster.status->optime.value_or(0) : 0};
  if (seen.postgres.running_primary()) {
    reference = core::reference_of(*seen.postgres.sql);
    reference.current = false;  // the position is of the last observation
    // The standby may have connected since the last observation, if it says that it streams. The leader checks again
    // before it stops.
    if (peer.streaming) reference.standbys.insert(member.name);
  }
  return core::candidate_obstacle(member, &peer, reference, seen.settings.maximum_lag_on_failover);
}

struct Candidates {
  std::string error;  // why there are no candidates
  std::vector<core::Member> members;
};

Candidates candidates_of(const core::ClusterView& cluster, const std::string& leader, const std::string& candidate,
                         const std::string& action) {
  const auto modes = wire::cluster_modes(cluster);
  const bool only_synchronous = modes.synchronous && !modes.quorum;
  if (!leader.empty() && (!cluster.leader || cluster.leader->name != leader)) return {"leader name does not match", {}};

  Candidates out;
  if (!candidate.empty()) {
    if (action == "switchover" && only_synchronous && !core::is_sync_standby(cluster, candidate))
      return {"candidate name does not match with sync_standby", {}};
    const auto* member = cluster.member(candidate);
    if (!member) return {"candidate does not exists", {}};
    out.members.push_back(*member);
    return out;
  }
  for (const auto& [name, member] : cluster.members) {
    if (only_synchronous ? core::is_sync_standby(cluster, name) : !cluster.leader || name != cluster.leader->name)
      out.members.push_back(member);
  }
  if (!only_synchronous && cluster.leader) std::erase_if(out.members, [](const auto& m) { return m.api_url.empty(); });
  if (!out.members.empty()) return out;
  return {action + (only_synchronous ? " is not possible: can not find sync_standby"
                                     : " is not possible: cluster does not have members except leader"),
          {}};
}

bool empty_or_absent(const std::optional<core::FailoverRequest>& request) {
  return !request || (request->leader.empty() && request->candidate.empty());
}

// What a request asks for, as its body says it.
struct Wish {
  std::string action;  // switchover or failover
  core::FailoverRequest request;
  const Json* scheduled_at = nullptr;
};

Wish wish_of(const Json& body, std::string action) {
  Wish wish{.action = std::move(action), .request = {.leader = name_at(body, "leader")}};
  wish.request.candidate = name_at(body, "candidate");
  if (wish.request.candidate.empty()) wish.request.candidate = name_at(body, "member");
  wish.request.force = wish.action == "failover" && is_true(body, "force");
  const auto* when = wire::find(body, "scheduled_at");
  if (when && is_truthy(*when)) wish.scheduled_at = when;
  return wish;
}

// Checks in Patroni's order, and completes the request. A failover from a named leader becomes a switchover.
std::optional<Refusal> check(Wish& wish, bool paused, core::WallTime now) {
  auto& request = wish.request;
  const bool failover = wish.action == "failover";
  if (failover && request.candidate.empty())
    return Refusal{400, "Failover could be performed only to a specific candidate"};
  if (!failover && request.leader.empty())
    return Refusal{400, "Switchover could be performed only from a specific leader"};
  if (wish.scheduled_at) {
    if (failover) return Refusal{400, "Failover can't be scheduled"};
    if (paused) return Refusal{400, "Can't schedule switchover in the paused state"};
    const auto at = parse_schedule(*wish.scheduled_at, wish.action, now);
    if (!at) return at.error();
    request.scheduled_at = *at;
  }
  if (paused && request.candidate.empty())
    return Refusal{400, "Switchover is possible only to a specific candidate in a paused state"};
  if (failover && !request.leader.empty()) {
    log::warning("received failover request with leader specified - performing switchover instead");
    wish.action = "switchover";
  }
  if (request.leader == request.candidate) return Refusal{400, "Switchover target and source are the same"};
  return std::nullopt;
}

// The outcome of a request, as the publications since then show it.
struct Move {
  std::string old_leader;
  core::Revision before = 0;   // the key's revision before the request
  core::Revision decided = 0;  // of the keys by which the request was decided
  bool key_seen = false;
  bool key_gone = false;
  std::string new_leader;

  void look(const Snapshot& snapshot) {
    const auto& cluster = snapshot.seen.cluster;
    if (cluster.revision < decided) return;
    if (!cluster.unlocked() && cluster.leader->name != old_leader) new_leader = cluster.leader->name;
    const bool absent = empty_or_absent(cluster.failover);
    if (!absent && cluster.failover_revision != before) key_seen = true;
    key_gone = absent;
  }
  bool failed(const Snapshot& snapshot) const { return key_seen && key_gone && !snapshot.seen.cluster.unlocked(); }
};

}  // namespace

awaitable<HttpResponse> RestApi::post_switchover(Call call) { return move_leader(std::move(call), "switchover"); }
awaitable<HttpResponse> RestApi::post_failover(Call call) { return move_leader(std::move(call), "failover"); }

awaitable<HttpResponse> RestApi::move_leader(Call call, std::string action) {
  const auto body = json_body(call.request, Body::required);
  if (!body) co_return body.error();
  auto wish = wish_of(*body, action);
  log::info("received {} request with leader={} candidate={} scheduled_at={}", action, wish.request.leader,
            wish.request.candidate, wish.scheduled_at ? wish.scheduled_at->dump() : "None");
  // If this node is the leader, its own position is the one to compare with, and a standby may have connected since the
  // last observation.
  if (!wish.scheduled_at) co_await commands_.refresh(std::chrono::seconds(1));
  for (int attempt = 0; attempt < key_attempts_max; ++attempt) {
    const auto snapshot = co_await read_keys();
    if (!snapshot) co_return snapshot.error();
    const auto& seen = (*snapshot)->seen;
    const bool paused = status_of(**snapshot, clock_.now()).pause;
    if (const auto refusal = check(wish, paused, clock_.wall())) co_return text(refusal->status, refusal->text);
    if (wish.action == "failover" && !wish.request.force) {
      if (const auto why = core::lost_keys_obstacle(seen, (*snapshot)->decision.memory))
        co_return text(412, "failover is not possible: " + *why);
    }
    if (!wish.scheduled_at) {
      if (auto refusal = co_await why_impossible(*snapshot, wish.request, wish.action)) co_return std::move(*refusal);
    }
    // As in Patroni, an existing request is overwritten.
    const auto before = seen.cluster.failover_revision;
    const auto written = co_await commands_.write_failover(wish.request, before);
    if (!written) co_return dcs_failed(written.error());
    if (!*written) continue;
    if (!wish.scheduled_at) co_return co_await await_move(*snapshot, wish.request.candidate, wish.action);
    co_await await_shown([=](const auto& keys) { return keys.failover_revision > before; });
    co_return text(202, capitalized(wish.action) + " scheduled");
  }
  co_return text(503, "failed to write failover key into DCS");
}

awaitable<std::optional<HttpResponse>> RestApi::why_impossible(std::shared_ptr<const Snapshot> snapshot,
                                                               core::FailoverRequest request, std::string action) {
  auto candidates = candidates_of(snapshot->seen.cluster, request.leader, request.candidate, action);
  if (!candidates.error.empty()) co_return text(412, candidates.error);
  // For a named candidate with such a tag, the answer is Patroni's sentence alone, which scripts compare.
  const bool tagged = !request.candidate.empty() && !candidates.members.front().tags.may_be_promoted();
  const auto reasons = co_await obstacles(std::move(candidates.members), snapshot);
  if (reasons.empty()) co_return std::nullopt;
  log::info("{} refused: {}", action, reasons);
  const auto sentence = action + " is not possible: no good candidates have been found";
  auto refusal = text(412, tagged ? sentence : sentence + ": " + reasons);
  refusal.headers.emplace_back("Tamada-Reason", reasons);
  co_return refusal;
}

// Asks all members at once. If one of them can take over, the result is empty.
awaitable<std::string> RestApi::obstacles(std::vector<core::Member> members, std::shared_ptr<const Snapshot> snapshot) {
  struct Poll {
    asio::steady_timer over;
    std::size_t left;
    bool good = false;
    std::map<std::string, std::string> reasons;
  };
  auto poll =
      std::make_shared<Poll>(asio::steady_timer(executor_, asio::steady_timer::time_point::max()), members.size());
  for (auto& member : members) {
    auto ask = [](AskPeer peer, core::Member whom,
                  std::shared_ptr<const Snapshot> known) -> awaitable<std::optional<std::string>> {
      const auto answer = co_await peer(whom.api_url);
      co_return obstacle_of(whom, answer, *known);
    };
    const auto name = member.name;
    asio::co_spawn(executor_, ask(options_.ask_peer, std::move(member), snapshot),
                   [poll, name](std::exception_ptr error, std::optional<std::string> reason) {
                     if (error || reason) {
                       poll->reasons[name] = reason.value_or(name + " does not answer");
                     } else {
                       poll->good = true;
                     }
                     if (--poll->left == 0 || poll->good) poll->over.expires_at(asio::steady_timer::time_point::min());
                   });
  }
  co_await poll->over.async_wait(asio::as_tuple(use_awaitable));
  co_await throw_if_cancelled();
  std::string all;
  if (poll->good) co_return all;
  for (const auto& [name, reason] : poll->reasons) all += (all.empty() ? "" : "; ") + reason;
  co_return all;
}

awaitable<HttpResponse> RestApi::await_move(std::shared_ptr<const Snapshot> before, std::string candidate,
                                            std::string action) {
  const auto& keys = before->seen.cluster;
  const auto seconds =
      2 * std::max<std::int64_t>(
              10, std::chrono::duration_cast<std::chrono::seconds>(before->seen.settings.loop_wait).count());
  const auto end = clock_.now() + std::chrono::seconds(seconds);
  const auto move =
      std::make_shared<Move>(Move{keys.leader ? keys.leader->name : "", keys.failover_revision, keys.revision});
  const auto settled = [move](const Snapshot& s) {
    move->look(s);
    return !move->new_leader.empty() || move->failed(s);
  };
  // A request that was carried out between two publications never appears in one. So if the key is absent after a
  // second, the request was carried out.
  const auto look_again = clock_.now() + std::chrono::seconds(1);
  bool known = co_await publications_.wait([=](const Snapshot& s) { return settled(s) || move->key_seen; }, look_again);
  known = known && (!move->new_leader.empty() || move->failed(*board_.latest()));
  if (!known && (move->key_seen || !move->key_gone)) {
    // If the request is gone and there is no leader, either the member that deleted it is about to take the leader key,
    // or no member will.
    co_await publications_.wait(settled, end);
  }
  if (!move->new_leader.empty()) {
    if (candidate.empty() || candidate == move->new_leader)
      co_return text(200, fmt::format("Successfully {} over to \"{}\"", past(action), move->new_leader));
    co_return text(200, fmt::format("{} over to \"{}\" instead of \"{}\"", capitalized(past(action)), move->new_leader,
                                    candidate));
  }
  if (move->key_gone) {
    auto failed = text(503, capitalized(action) + " failed");
    const auto& handover = journal_->handover();
    if (handover && handover->state == Handover::State::failed && !handover->reason.empty()) {
      failed.body += ": " + handover->reason;
      failed.headers.emplace_back("Tamada-Reason", handover->reason);
    }
    co_return failed;
  }
  co_return text(503, fmt::format("{} status unknown after {} seconds; operation may still be in progress",
                                  capitalized(action), seconds));
}

awaitable<HttpResponse> RestApi::delete_switchover(Call) {
  for (int attempt = 0; attempt < key_attempts_max; ++attempt) {
    const auto snapshot = co_await read_keys();
    if (!snapshot) co_return snapshot.error();
    const auto& failover = (*snapshot)->seen.cluster.failover;
    if (!failover || !failover->scheduled_at) co_return text(404, "no switchover is scheduled");
    const auto deleted = co_await commands_.delete_failover(failover->revision);
    if (!deleted) co_return dcs_failed(deleted.error());
    if (!*deleted) continue;
    co_await await_shown([old = failover->revision](const auto& keys) {
      return keys.failover_revision == 0 || keys.failover_revision > old;
    });
    co_return text(200, "scheduled switchover deleted");
  }
  co_return error_page(409);
}

}  // namespace tamada::api
