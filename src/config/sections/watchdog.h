// The section `watchdog` of patroni.yml.
#pragma once

#include <string>

namespace tamada::config {

struct Watchdog {
  std::string mode = "automatic";  // off, automatic, required
  std::string device = "/dev/watchdog";
  int safety_margin_s = 5;         // -1: half of ttl
  std::string driver = "default";  // default, testing
  bool guard = true;               // not in Patroni: the process that ends a primary whose daemon is frozen
};

}  // namespace tamada::config
