// Ends this node's PostgreSQL if the daemon cannot, because it is frozen, killed or swapped out; see
// docs/architecture.md.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "core/observation.h"

namespace tamada::fence {

// How long before the end of the lease the fence acts, to allow for clock drift and the kernel's scheduler.
inline core::Duration margin(core::Duration length) {
  return std::max<core::Duration>(length / 100, std::chrono::milliseconds(50));
}

struct Order {
  std::optional<core::Instant> until;  // see core/fencing.h
  core::Duration length{};             // the length of that bound when it was set, even if the ttl has changed since
  int postmaster = 0;                  // process id; 0 when not known
  core::Duration ttl{}, loop_wait{};
};

class Fence {
 public:
  virtual ~Fence() = default;
  // Sets the bound. It is called after each decision, before the decision is carried out, and does not block.
  virtual void keep(const Order& order) = 0;
  // Whether the fence allows this node to become the primary.
  virtual core::FenceView view() const = 0;
  // Sets the function that is called when a process of the fence has ended. The next keep() replaces that process.
  virtual void on_end(std::function<void()>) {}
  // The bound that the previous run of this daemon left in force.
  virtual std::optional<core::Instant> inherited() const { return std::nullopt; }
};

}  // namespace tamada::fence
