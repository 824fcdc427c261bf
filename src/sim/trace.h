// Records what happened, line by line. The hash of the lines shows whether two runs were the same.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "sim/scheduler.h"

namespace tamada::sim {

class Trace {
 public:
  Trace(const Scheduler& scheduler, bool print) : scheduler_(scheduler), print_(print) {}

  // detail: stories leave the line out.
  void line(std::string_view who, std::string_view what, bool detail = false) {
    if (listener && !detail) listener(who, what);
    const auto text = fmt::format("{:>10.3f} {:<5} {}\n", seconds(scheduler_.now()), who, what);
    for (const unsigned char c : text) hash_ = (hash_ ^ c) * 0x100000001b3ULL;
    ++lines_;
    if (print_) std::fwrite(text.data(), 1, text.size(), stdout);
  }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t lines() const { return lines_; }
  std::function<void(std::string_view who, std::string_view what)> listener;
  static double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

 private:
  const Scheduler& scheduler_;
  bool print_;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL, lines_ = 0;
};

}  // namespace tamada::sim
