// The rules, in the order in which they are asked; see decide.cc for the table.
#pragma once

#include <optional>

#include "core/decision.h"
#include "core/observation.h"

namespace tamada::core::rules {

using Answer = std::optional<Decision>;

Answer slow_stop(const Observation& seen, const Memory& memory);
Answer shut_down(const Observation& seen, const Memory& memory);
Answer shutdown(const Observation& seen, const Memory& memory);
Answer dcs_lost(const Observation& seen, const Memory& memory);
Answer unknown_cluster(const Observation& seen, const Memory& memory);
Answer foreign_data(const Observation& seen, const Memory& memory);
Answer job(const Observation& seen, const Memory& memory);
Answer paused(const Observation& seen, const Memory& memory);
Answer bootstrap(const Observation& seen, const Memory& memory);
Answer reinitialize(const Observation& seen, const Memory& memory);
Answer restart(const Observation& seen, const Memory& memory);
Answer half_rewound(const Observation& seen, const Memory& memory);
Answer create_replica(const Observation& seen, const Memory& memory);
Answer take_over_own_key(const Observation& seen, const Memory& memory);
Answer hand_over(const Observation& seen, const Memory& memory);
Answer recover(const Observation& seen, const Memory& memory);
Answer standby_leader(const Observation& seen, const Memory& memory);
Answer promote(const Observation& seen, const Memory& memory);
Answer unresponsive(const Observation& seen, const Memory& memory);
Answer switchover(const Observation& seen, const Memory& memory);
Answer leader(const Observation& seen, const Memory& memory);
Answer race(const Observation& seen, const Memory& memory);
Answer demote(const Observation& seen, const Memory& memory);
Answer rejoin(const Observation& seen, const Memory& memory);
Answer replica(const Observation& seen, const Memory& memory);

// Whether the running standby follows another server than the one that it should follow now.
bool follows_another(const Observation& seen);

}  // namespace tamada::core::rules
