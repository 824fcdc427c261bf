// A member's tags, as its configuration file and its member key carry them.
// Source of the meanings: Patroni's documentation, "YAML Configuration Settings", section "Tags".
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tamada::core {

struct Tags {
  bool nofailover = false;
  int failover_priority = 1;  // 0 or less: never promoted
  bool noloadbalance = false;
  bool clonefrom = false;
  bool nosync = false;
  int sync_priority = 1;
  bool nostream = false;
  std::string replicatefrom;

  // Every tag as it stands in the member key, in the file's order: name and the value's JSON text.
  std::vector<std::pair<std::string, std::string>> published;

  bool may_be_promoted() const { return !nofailover && failover_priority > 0; }
  bool operator==(const Tags&) const = default;
};

}  // namespace tamada::core
