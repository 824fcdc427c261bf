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
#include "net/http_client.h"
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

// The outcome of a request, as the publications since then show it.
struct Move {
  std::string old_leader;
  core::Revision before = 0;  // the key's revision before the request
  bool key_seen = false;
  bool key_gone = false;
  std::string new_leader;

  void look(const Snapshot& snapshot) {
    const auto& cluster = snapshot.seen.cluster;
    if (!cluster.unlocked() && cluster.leader->name != old_leader) new_leader = cluster.leader->name;
    const bool absent = empty_or_absent(cluster.failover);
    if (!absent && cluster.failover_revision != before) key_seen = true;
    key_gone = absent;
  }
  bool failed(const Snapshot& snapshot) const { return key_seen && key_gone && !snapshot.seen.cluster.unlocked(); }
};

}  // namespace

AskPeer ask_by_http(std::optional<net::TlsClient> tls, core::Duration timeout) {
  return [tls = std::move(tls), timeout](std::string api_url) -> awaitable<core::Result<HttpResponse>> {
    auto url = net::Url::parse(api_url);
    if (!url) co_return std::unexpected(url.error());
    net::HttpRequest request{.method = "GET", .answer_bytes_max = wire::peer_answer_bytes_max};
    request.target = url->path.empty() ? "/patroni" : std::exchange(url->path, "");
    const auto certificates = url->scheme == "https" ? std::optional(tls.value_or(net::TlsClient{})) : std::nullopt;
    co_return co_await net::http_once(std::move(*url), certificates, std::move(request), timeout);
  };
}

awaitable<HttpResponse> RestApi::post_switchover(Call call) { return move_leader(std::move(call), "switchover"); }
awaitable<HttpResponse> RestApi::post_failover(Call call) { return move_leader(std::move(call), "failover"); }

awaitable<HttpResponse> RestApi::move_leader(Call call, std::string action) {
  const auto body = json_body(call.request, Body::required);
  if (!body) co_return body.error();
  const auto leader = name_at(*body, "leader");
  auto candidate = name_at(*body, "candidate");
  if (candidate.empty()) candidate = name_at(*body, "member");
  const auto* when = wire::find(*body, "scheduled_at");
  const bool scheduled = when && is_truthy(*when);
  const auto snapshot = board_.latest();
  const bool paused = status_of(*snapshot, clock_.now()).pause;
  log::info("received {} request with leader={} candidate={} scheduled_at={}", action, leader, candidate,
            scheduled ? when->dump() : "None");

  if (action == "failover" && candidate.empty())
    co_return text(400, "Failover could be performed only to a specific candidate");
  if (action == "switchover" && leader.empty())
    co_return text(400, "Switchover could be performed only from a specific leader");
  core::FailoverRequest request{.leader = leader, .candidate = candidate};
  request.force = action == "failover" && is_true(*body, "force");
  if (scheduled) {
    if (action == "failover") co_return text(400, "Failover can't be scheduled");
    if (paused) co_return text(400, "Can't schedule switchover in the paused state");
    const auto at = parse_schedule(*when, action, clock_.wall());
    if (!at) co_return text(at.error().status, at.error().text);
    request.scheduled_at = *at;
  }
  if (paused && candidate.empty())
    co_return text(400, "Switchover is possible only to a specific candidate in a paused state");
  if (action == "failover" && !leader.empty()) {
    log::warning("received failover request with leader specified - performing switchover instead");
    action = "switchover";
  }
  if (leader == candidate) co_return text(400, "Switchover target and source are the same");
  if (action == "failover" && !request.force) {
    const auto& seen = snapshot->seen;
    if (const auto why = core::lost_keys_obstacle(seen, snapshot->decision.memory))
      co_return text(412, "failover is not possible: " + *why);
  }
  if (!scheduled) {
    const auto impossible = co_await why_impossible(leader, candidate, action);
    if (!impossible.text.empty()) {
      auto refusal = text(412, impossible.text);
      if (!impossible.reasons.empty()) {
        log::info("{} refused: {}", action, impossible.reasons);
        refusal.headers.emplace_back("Tamada-Reason", impossible.reasons);
      }
      co_return refusal;
    }
  }

  const auto latest = board_.latest();  // read again, because a moment has passed
  const auto& cluster = latest->seen.cluster;
  const auto old_leader = cluster.leader ? cluster.leader->name : std::string();
  const auto before = cluster.failover_revision;
  const auto written = co_await write_failover(std::move(request));
  if (!written || !*written) co_return text(503, "failed to write failover key into DCS");
  if (!scheduled) co_return co_await await_move(old_leader, candidate, action, before);
  co_await await_failover_other_than(before);
  co_return text(202, capitalized(action) + " scheduled");
}

awaitable<RestApi::Impossible> RestApi::why_impossible(std::string leader, std::string candidate, std::string action) {
  // If this node is the leader, its own position is the one to compare with, and a standby may have connected since the
  // last observation.
  co_await commands_.refresh(std::chrono::seconds(1));
  auto candidates = candidates_of(board_.latest()->seen.cluster, leader, candidate, action);
  if (!candidates.error.empty()) co_return Impossible{candidates.error, {}};
  // For a named candidate with such a tag, the answer is Patroni's sentence alone, which scripts compare.
  const bool tagged = !candidate.empty() && !candidates.members.front().tags.may_be_promoted();
  const auto reasons = co_await obstacles(std::move(candidates.members));
  if (reasons.empty()) co_return Impossible{};
  auto text = action + " is not possible: no good candidates have been found";
  co_return Impossible{tagged ? text : text + ": " + reasons, reasons};
}

// Asks all members at once. If one of them can take over, the result is empty.
awaitable<std::string> RestApi::obstacles(std::vector<core::Member> members) {
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
                  std::shared_ptr<const Snapshot> snapshot) -> awaitable<std::optional<std::string>> {
      const auto answer = co_await peer(whom.api_url);
      co_return obstacle_of(whom, answer, *snapshot);
    };
    const auto name = member.name;
    asio::co_spawn(executor_, ask(options_.ask_peer, std::move(member), board_.latest()),
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

awaitable<bool> RestApi::await_failover_other_than(core::Revision revision) {
  co_return co_await publications_.wait(
      [revision](const Snapshot& s) { return s.seen.cluster.failover_revision != revision; },
      clock_.now() + std::chrono::seconds(1));
}

// As in Patroni, an existing request is overwritten; here its revision is compared.
awaitable<core::Result<bool>> RestApi::write_failover(core::FailoverRequest request) {
  for (int attempt = 0; attempt < key_attempts_max; ++attempt) {
    const auto revision = board_.latest()->seen.cluster.failover_revision;
    auto written = co_await commands_.write_failover(request, revision);
    if (!written || *written) co_return written;
    if (!co_await await_failover_other_than(revision)) break;
  }
  co_return false;
}

awaitable<HttpResponse> RestApi::await_move(std::string leader, std::string candidate, std::string action,
                                            core::Revision before) {
  const auto seconds =
      2 * std::max<std::int64_t>(
              10, std::chrono::duration_cast<std::chrono::seconds>(board_.latest()->seen.settings.loop_wait).count());
  const auto end = clock_.now() + std::chrono::seconds(seconds);
  const auto move = std::make_shared<Move>(Move{leader, before});
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
  const auto snapshot = board_.latest();
  const auto& failover = snapshot->seen.cluster.failover;
  if (!failover || !failover->scheduled_at) co_return text(404, "no switchover is scheduled");
  const auto deleted = co_await commands_.delete_failover(failover->revision);
  if (!deleted || !*deleted) co_return error_page(409);
  co_await await_failover_other_than(failover->revision);
  co_return text(200, "scheduled switchover deleted");
}

}  // namespace tamada::api
