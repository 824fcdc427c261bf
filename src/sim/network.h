// Says which endpoints can reach each other, and how fast. The endpoints are the nodes 0..n-1, the origin of a standby
// cluster, n, and the DCS, n + 1.
#pragma once

#include <optional>
#include <vector>

#include "sim/random.h"

namespace tamada::sim {

class Network {
 public:
  Network(Random& random, int endpoints)
      : random_(random), size_(endpoints), cut_(static_cast<std::size_t>(endpoints * endpoints), 0) {}

  // Cuts are counted, because two faults may cut the same connection at once.
  void cut(int from, int to) {
    ++cell(from, to);
    ++changes_;
  }
  void heal(int from, int to) {
    --cell(from, to);
    ++changes_;
  }
  std::uint64_t changes() const { return changes_; }
  bool open(int from, int to) const { return from == to || cut_[index(from, to)] == 0; }
  bool both_ways(int a, int b) const { return open(a, b) && open(b, a); }

  double loss = 0;   // share of messages that are lost
  Duration slow{};   // maximum of an additional delay of each message
  double twice = 0;  // share of requests that are sent again because the first reply was lost

  bool arrives_twice() { return twice > 0 && random_.chance(twice); }
  // How long a message takes; nullopt when it does not arrive.
  std::optional<Duration> travel(int from, int to) {
    using namespace std::chrono_literals;
    auto time = random_.mostly(100us, 1ms, 40ms, 0.02);
    if (slow > slow.zero()) time += random_.duration(Duration{}, slow);
    const bool lost = loss > 0 && random_.chance(loss);
    if (!open(from, to) || lost) return std::nullopt;
    return time;
  }

 private:
  std::size_t index(int from, int to) const {
    return static_cast<std::size_t>(from) * static_cast<std::size_t>(size_) + static_cast<std::size_t>(to);
  }
  int& cell(int from, int to) { return cut_[index(from, to)]; }

  Random& random_;
  int size_;
  std::vector<int> cut_;
  std::uint64_t changes_ = 0;
};

}  // namespace tamada::sim
