// Chooses by the seed which faults happen, when, and for how long.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/cluster.h"

namespace tamada::sim {

class Faults {
 public:
  explicit Faults(Cluster& cluster);
  static std::vector<std::string> names();
  static bool of_standby_clusters(std::string_view name);  // whether it happens only to a standby cluster

  void begin(Time from, Time until);
  void heal_all();

 private:
  struct Kind {
    std::string name;
    int weight;
    // Begins the fault, and returns the function that ends it.
    std::function<std::function<void()>(Faults&)> begin;
  };
  static const std::vector<Kind>& kinds();

  void next();
  void happen(const Kind& kind);
  int any_node() { return static_cast<int>(c_.random.below(static_cast<std::uint64_t>(c_.size()))); }
  int leader_or_any();
  std::string leader() const;
  std::function<void()> cut(std::vector<std::pair<int, int>> ways);
  std::function<void()> isolate(int node);
  // Runs the next step of a fault that has several steps, which chance alone would hardly bring about.
  void then(Duration after, std::function<void()> what);
  void make_twins();
  void lose_keys();
  void forget_consents();
  std::vector<int> all_but(int node) const;

  Cluster& c_;
  std::vector<const Kind*> chosen_;
  int weight_ = 0;
  Time until_{};
  std::uint64_t sequence_ = 0;
  struct Open {
    std::string name;
    std::function<void()> heal;
  };
  std::map<std::uint64_t, Open> open_;
  std::vector<std::function<void()>> at_the_end_;
  Time twins_until_{};
};

}  // namespace tamada::sim
