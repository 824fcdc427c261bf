#include "core/slot_readiness.h"

#include <algorithm>

#include "core/slots.h"
#include "core/upstream.h"

namespace tamada::core {
namespace {

// Source: PostgreSQL, "Preventing Transaction ID Wraparound Failures". Transaction IDs are compared modulo 2^32.
bool no_later(Xid a, Xid b) { return static_cast<std::int32_t>(a - b) <= 0; }

const SlotView* slot_here(const Observation& seen, const std::string& name) {
  const auto& slots = seen.postgres.sql->slots;
  const auto it = std::ranges::find_if(slots, [&](const auto& slot) { return slot.name == name && !slot.physical; });
  return it == slots.end() ? nullptr : &*it;
}

void ask_leader(const Observation& seen, Decision& decision) {
  auto& slots = decision.memory.slots;
  const auto* leader = seen.presumed_primary_member();
  if (!leader || leader->conn_url.empty() || !seen.dcs.ok) return;
  if (slots.leader_asked_at != Instant{} && seen.now - slots.leader_asked_at < seen.settings.loop_wait) {
    return;
  }
  slots.leader_asked_at = seen.now;
  AskSlots ask{.leader = upstream_to(*leader), .slots = {slot_on_primary(seen)}};
  for (const auto& [name, xmin] : slots.unproven) ask.slots.push_back(name);
  decision.actions.push_back(std::move(ask));
}

}  // namespace

void doubt_slots(const Observation& seen, Memory::Slots& slots) {
  slots.unproven.clear();
  slots.leader_asked_at = {};
  if (!seen.postgres.running_standby()) return;
  for (const auto& slot : seen.postgres.sql->slots) {
    // PostgreSQL manages its own failover slots.
    if (!slot.physical && !slot.failover && !is_ignored(seen.settings, slot)) slots.unproven[slot.name];
  }
}

void prove_copied_slots(const Observation& seen, Decision& decision) {
  auto& unproven = decision.memory.slots.unproven;
  std::erase_if(unproven, [&](const auto& entry) { return !slot_here(seen, entry.first); });
  if (unproven.empty()) return;
  const auto& answer = seen.leader_slots;
  const bool fresh = answer.asked_at != Instant{} && answer.asked_at >= decision.memory.slots.leader_asked_at &&
                     !answer.leader.empty() && answer.leader == seen.presumed_primary();
  if (!fresh) return ask_leader(seen, decision);
  const auto feedback = answer.catalog_xmins.find(slot_on_primary(seen));
  if (feedback == answer.catalog_xmins.end() || !feedback->second) return ask_leader(seen, decision);
  for (auto& [name, xmin] : unproven) {
    const auto there = answer.catalog_xmins.find(name);
    if (!xmin && there != answer.catalog_xmins.end()) xmin = there->second;
  }
  std::erase_if(unproven, [&](const auto& entry) {
    const auto& [name, xmin] = entry;
    const auto here = slot_here(seen, name)->catalog_xmin;
    if (!xmin || !here || !no_later(*xmin, *feedback->second) || !no_later(*feedback->second, *here)) return false;
    decision.actions.push_back(Tell{"Logical slot " + name + " is safe to be used after a failover"});
    return true;
  });
  if (!unproven.empty()) ask_leader(seen, decision);
}

std::string unproven_slots(const Memory::Slots& slots) {
  std::string names;
  for (const auto& [name, xmin] : slots.unproven) names += (names.empty() ? "'" : ", '") + name + "'";
  return names.empty() ? "" : "Logical replication slots that might be unsafe to use after promote: {" + names + "}";
}

}  // namespace tamada::core
