// Who may be promoted, and who should be: the gates of the leader race and of a switchover.
// Source: Patroni's documentation of maximum_lag_on_failover and of the tags nofailover and failover_priority.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory.h"
#include "core/observation.h"
#include "core/sync_names.h"

namespace tamada::core {

// Why this node may not take the leader key now; nullopt: it may. Valid after a fresh poll of the peers.
// rivals: whom it may have to let go first. The candidate that a hand-over names lets only a primary go first, and what
// `/sync` says of it is judged by the rule that knows of the hand-over.
enum class Rivals { all, primaries };
std::optional<std::string> race_obstacle(const Observation& seen, Rivals rivals = Rivals::all);

// nullopt: the peer is on no newer timeline than this node, or on one that never was the cluster's.
std::optional<std::string> newer_timeline(const Observation& seen, const PeerView& peer);

// Up to which position this server has what the last leader wrote: its own position, or the one at which its history
// parted from that leader's. The server must answer.
Lsn of_the_last_leader(const Observation& seen);

// Every condition for a promotion of this node, in the order in which they are asked; for the operator.
struct Gate {
  std::string_view name;
  std::optional<std::string> obstacle;  // nullopt: the gate is open
};
std::vector<Gate> promotion_gates(const Observation& seen, const Memory& memory);

// The primary's position, with which a candidate is compared.
struct Reference {
  Lsn lsn = 0;
  Timeline timeline = 0;  // 0: unknown
  bool current = false;   // of this moment; else it is what the leader last wrote to the DCS, and others may be ahead
  Names standbys = {};    // who streams from it
  std::optional<TimelineStart> start = {};  // of that timeline
};
// Made from what the leader just told about itself.
Reference reference_of(const SqlView& leader);
// Why `member` cannot take over in a switchover, given its answer (nullptr: it gave none); nullopt: it can.
std::optional<std::string> candidate_obstacle(const Member& member, const PeerView* peer, const Reference& reference,
                                              Lsn lag_max);
// The same for a member that was polled, compared with this node.
std::optional<std::string> switchover_obstacle(const Observation& seen, const Member& member);

// This node's position as the race compares it.
std::optional<Lsn> own_position(const PostgresView& postgres);

}  // namespace tamada::core
