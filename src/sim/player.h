// Performs the commands of a plan on a simulated cluster.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/checker.h"
#include "sim/plan.h"

namespace tamada::sim {

class Player {
 public:
  Player(Cluster& cluster, Checker& checker);
  ~Player() { c_.trace.listener = nullptr; }

  // Time passes only in the commands `run` and `until`. An error when the act makes no sense.
  core::Result<void> perform(const Act& act);
  // Runs until that time, or until a violation.
  void advance(Time until);
  // What has happened since the last call, line by line, and the present state of the cluster.
  std::string transcript();

  // The form and the meaning of every command.
  static std::vector<std::pair<std::string, std::string>> commands();

 private:
  struct Bound {  // the values of the words in capitals in a command's form
    std::vector<int> nodes, ends;
    std::vector<std::string> words;
    Duration time{};
  };
  struct Command {
    std::string form, what;
    std::function<void(Player&, const Bound&)> perform;
  };
  static const std::vector<Command>& table();

  bool bind(const std::string& placeholder, const std::string& word, Bound& bound) const;
  std::optional<Bound> match(const Command& command, const Act& act) const;
  int node_called(const std::string& word) const;  // -1 when there is no such node
  int primary() const;
  int operators_node() const;  // the node whose REST API the operator uses
  void hear(std::string_view who, std::string_view what);
  void say(std::string_view text);
  std::string standing() const;
  void show();
  void plug(int node, bool in);
  void join(int a, int b, bool both, bool in);
  void patch(const std::string& json);
  void come_up();
  void settle(Duration within);
  void get(int node, const std::string& path);

  Cluster& c_;
  Checker& checker_;
  std::string told_;
  Time since_{};
  Duration unavailable_{};
  std::uint64_t lost_before_ = 0;
  std::map<std::string, std::string> last_;  // the last line of each party, without digits
};

}  // namespace tamada::sim
