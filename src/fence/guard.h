// The daemon's side of the guard process (src/main/guard.cc): starts it, and moves its bound.
#pragma once

#include <memory>
#include <string>

#include "fence/fence.h"
#include "net/asio.h"

namespace tamada::fence {

class Guard final : public Fence {
 public:
  // `program` is the path of tamada-guard. It is started with the first order. If a former daemon of this data
  // directory left a guard, this one takes over from it, and at every moment one of them is in force.
  Guard(asio::any_io_executor executor, std::string program, std::string data_dir);
  ~Guard() override;

  void keep(const Order& order) override;
  void on_end(std::function<void()> call) override;
  // A guard that cannot be started is reported as a problem, but does not prevent a promotion, because Patroni works
  // without a guard.
  core::FenceView view() const override;
  std::optional<core::Instant> inherited() const override;

  void enable(bool on) { enabled_ = on; }  // sets `watchdog.guard`

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  bool enabled_ = true;
};

// The path of tamada-guard: beside this program, or the one where packages install it.
std::string guard_program();

}  // namespace tamada::fence
