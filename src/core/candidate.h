// Who may be promoted, and who should be: the gates of the leader race and of a switchover.
// Source: Patroni's documentation of maximum_lag_on_failover, the tags nofailover and failover_priority; and compat
// notes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory.h"
#include "core/observation.h"
#include "core/sync_names.h"

namespace tamada::core {

// Why this node may not take the leader key now; nothing: it may. Needs a fresh poll of the peers.
std::optional<std::string> race_obstacle(const Observation& seen);

// Nothing: the peer is on no newer timeline than we are, or on one that never was the cluster's.
std::optional<std::string> newer_timeline(const Observation& seen, const PeerView& peer);

// How far this server has what the last leader wrote: its position, or where its history parted from that leader's. Of
// a server that answers.
Lsn of_the_last_leader(const Observation& seen);

// Everything that stands between this node and a promotion, in the order in which it is asked; for the operator.
struct Gate {
  std::string_view name;
  std::optional<std::string> obstacle;  // nothing: the gate is open
};
std::vector<Gate> promotion_gates(const Observation& seen, const Memory& memory);

// What a candidate is measured by: the primary's position.
struct Reference {
  Lsn lsn = 0;
  Timeline timeline = 0;  // 0: unknown
  bool current = false;   // of this moment; else it is what the leader last wrote to the DCS, and others may be ahead
  Names standbys = {};    // who streams from it
  std::optional<TimelineStart> start = {};  // of that timeline
};
// By what a leader just told of itself.
Reference reference_of(const SqlView& leader);
// Why `member`, which answered so (nullptr: not at all), cannot take over in a switchover; nothing: it can.
std::optional<std::string> candidate_obstacle(const Member& member, const PeerView* peer, const Reference& reference,
                                              Lsn lag_max);
// The same, of a member that was polled, and from us.
std::optional<std::string> switchover_obstacle(const Observation& seen, const Member& member);

// This node's position as the race compares it.
std::optional<Lsn> own_position(const PostgresView& postgres);

}  // namespace tamada::core
