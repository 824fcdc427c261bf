#include "core/failsafe.h"

#include <algorithm>

#include "core/slots.h"

namespace tamada::core {

std::optional<std::map<std::string, std::string>> failsafe_to_write(const Observation& seen) {
  if (!seen.settings.failsafe_mode) return std::nullopt;
  std::map<std::string, std::string> wanted;
  for (const auto& [member_name, member] : seen.cluster.members) {
    if (!member.api_url.empty()) wanted[member_name] = member.api_url;
  }
  wanted.try_emplace(seen.self, seen.settings.api_url);
  if (seen.cluster.failsafe == wanted) return std::nullopt;
  return wanted;
}

bool failsafe_possible(const Observation& seen) {
  return seen.settings.failsafe_mode && seen.cluster.failsafe && seen.cluster.failsafe->contains(seen.self);
}

bool failsafe_refused(const Observation& seen) {
  return failsafe_possible(seen) && seen.failsafe.refused && seen.failsafe.asked_at >= seen.dcs.failing_since;
}

AskFailsafe failsafe_question(const Observation& seen) {
  AskFailsafe ask{.leader = {.name = seen.self,
                             .conn_url = seen.settings.conn_url,
                             .api_url = seen.settings.api_url,
                             .slots = {},
                             .ttl = seen.settings.ttl},
                  .members = *seen.cluster.failsafe};
  ask.members.erase(seen.self);
  if (seen.postgres.sql) {
    for (const auto& slot : seen.postgres.sql->slots) {
      if (slot.restart_lsn) ask.leader.slots[slot.name] = *slot.restart_lsn;
    }
    ask.leader.slots[slot_name(seen.self)] = seen.postgres.sql->wal_lsn;
  }
  return ask;
}

std::optional<Instant> failsafe_until(const Observation& seen) {
  const auto confirmed = seen.failsafe.confirmed_at;
  if (seen.dcs.ok || confirmed == Instant{} || !failsafe_possible(seen)) return std::nullopt;
  // The other members keep to the ttl that the question contained, even if the setting has changed since.
  const auto granted = seen.failsafe.confirmed_for;
  const auto length = seen.settings.demote_after();
  return confirmed + (granted == Duration{} ? length : std::min(length, granted * 9 / 10));
}

Duration consent_length(const Observation& seen) {
  return seen.failsafe.confirmed_for == Duration{} ? seen.settings.ttl : seen.failsafe.confirmed_for;
}

Instant consent_ends_at(const Observation& seen) {
  const auto length = std::max(seen.failsafe.told_for, seen.settings.ttl);
  return seen.failsafe.told_at + length;
}

bool leads_by_failsafe(const Observation& seen, Instant now) {
  return seen.postgres.running_primary() && failsafe_until(seen) > now;
}

bool failsafe_leader_alive(const Observation& seen) {
  // This holds even if failsafe_mode has been switched off since: the asking primary cannot read the change, and relies
  // on our consent.
  return seen.failsafe.told_at != Instant{} && seen.now < consent_ends_at(seen) &&
         seen.failsafe.leader.name != seen.self;
}

std::optional<std::string> failsafe_refusal(const ClusterView& cluster, const JobView& job, std::string_view asking) {
  if (!cluster.unlocked() && cluster.leader->name != asking) return "The leader is " + cluster.leader->name;
  if (job.running() && job.as_primary) return "About to run as a leader";
  return std::nullopt;
}

bool gave_consent_meanwhile(const Observation& seen, const Memory& memory) {
  return failsafe_leader_alive(seen) && seen.failsafe.told_at >= memory.race.key_asked_at;
}

std::string may_have_our_consent(const Observation& seen) {
  const auto& members = seen.cluster.failsafe;
  // The last leader has stopped. It did not lead while another primary could go on by our consent, because that primary
  // would have needed the last leader's consent, too.
  if (seen.cluster.given_up_by_stopped_leader) return "";
  // Even if the mode is off now, the key `failsafe` shows that a leader has relied on it.
  const auto length = std::max(seen.settings.ttl, seen.settings.former_ttl);
  if (!members || seen.postgres.running_primary() || seen.now - seen.failsafe.known_since >= length) return "";
  for (const auto& [member_name, api_url] : *members) {
    if (member_name == seen.self) continue;
    if (!seen.answers_as_standby(member_name)) return member_name;
  }
  return "";
}

bool Observation::follows_by_consent() const {
  return (!dcs.ok || cluster.unlocked()) && postgres.running_standby() && failsafe_leader_alive(*this);
}

std::string_view Observation::presumed_primary() const {
  if (!cluster.unlocked()) return cluster.leader->name;
  return follows_by_consent() ? std::string_view(failsafe.leader.name) : std::string_view();
}

bool excluded_by_failsafe(const Observation& seen, const std::string& member) {
  const auto& members = seen.cluster.failsafe;
  return seen.settings.failsafe_mode && members && !members->empty() && !members->contains(member);
}

std::optional<std::string> failsafe_obstacle(const Observation& seen) {
  if (!excluded_by_failsafe(seen, seen.self) || seen.cluster.forced_failover_to(seen.self)) return std::nullopt;
  std::string silent;
  for (const auto& [member_name, api_url] : *seen.cluster.failsafe) {
    if (!seen.answers_as_standby(member_name)) silent += (silent.empty() ? "" : ", ") + member_name;
  }
  if (silent.empty()) return std::nullopt;
  return "not named in /failsafe, and " + silent +
         " did not answer as a running standby and may still be the primary, in failsafe mode. If those that do not "
         "answer are certainly stopped, run: tamadactl failover --candidate " +
         seen.self + " --force";
}

}  // namespace tamada::core
