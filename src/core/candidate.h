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

// Why this node may not take the leader key now; nullopt when it may. Call it after a fresh poll of the peers.
// `rivals`: the peers that may be better candidates than this node. If a hand-over names this node as its candidate,
// only another primary is a rival, and the rule that knows of the hand-over judges what `/sync` says.
enum class Rivals { all, primaries };
std::optional<std::string> race_obstacle(const Observation& seen, Rivals rivals = Rivals::all);

// Says that the peer is on a newer timeline of this cluster than this node; nullopt when it is not, or when its
// timeline never was the cluster's.
std::optional<std::string> newer_timeline(const Observation& seen, const PeerView& peer);

// The position up to which this server has what the last leader wrote: its own position, or the one at which its
// history parted from that leader's. The server must answer.
Lsn of_the_last_leader(const Observation& seen);

// One condition for a promotion of this node. promotion_gates() lists them for the operator, in the order in which they
// are checked.
struct Gate {
  std::string_view name;
  std::optional<std::string> obstacle;  // nullopt: the gate is open
};
std::vector<Gate> promotion_gates(const Observation& seen, const Memory& memory);

// The primary's position, with which a candidate's is compared.
struct Reference {
  Lsn lsn = 0;
  Timeline timeline = 0;  // 0: unknown
  bool current = false;   // lsn is of this moment; otherwise the leader wrote it to the DCS earlier, and other members
                          // may be ahead of it
  Names standbys = {};    // the standbys that stream from the primary
  std::optional<TimelineStart> start = {};  // of `timeline`
};
// Made from what the leader has just told about itself.
Reference reference_of(const SqlView& leader);
// Why `member` cannot take over in a switchover; nullopt when it can. `peer` is the member's answer, nullptr if it gave
// none.
std::optional<std::string> candidate_obstacle(const Member& member, const PeerView* peer, const Reference& reference,
                                              Lsn lag_max);
// The same for a member that was polled; its position is compared with this node's.
std::optional<std::string> switchover_obstacle(const Observation& seen, const Member& member);

// This node's position as the race compares it.
std::optional<Lsn> own_position(const PostgresView& postgres);

}  // namespace tamada::core
