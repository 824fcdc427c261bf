// Makes several fences act as one.
#pragma once

#include <utility>
#include <vector>

#include "fence/fence.h"

namespace tamada::fence {

class Fences final : public Fence {
 public:
  explicit Fences(std::vector<Fence*> all) : all_(std::move(all)) {}
  void keep(const Order& order) override {
    for (auto* one : all_) one->keep(order);
  }
  void on_end(std::function<void()> call) override {
    for (auto* one : all_) one->on_end(call);
  }
  core::FenceView view() const override {
    core::FenceView all;
    for (const auto* one : all_) {
      auto view = one->view();
      all.guarded = all.guarded || view.guarded;
      if (!view.unguarded.empty()) all.unguarded = std::move(view.unguarded);
      if (view.usable || !all.usable) continue;
      all.usable = false;
      all.trouble = std::move(view.trouble);
    }
    return all;
  }
  std::optional<core::Instant> inherited() const override {
    for (const auto* one : all_) {
      if (const auto until = one->inherited()) return until;
    }
    return std::nullopt;
  }

 private:
  std::vector<Fence*> all_;
};

}  // namespace tamada::fence
