// The section `notify` of patroni.yml, an addition to Patroni's configuration.
#pragma once

#include <string>
#include <vector>

namespace tamada::config {

struct Notify {
  std::vector<std::string> command;  // the program and its arguments; empty when no command is configured
  std::string webhook;               // a URL, whose path may be a secret; empty when no webhook is configured
  std::string authorization;         // the value of the HTTP header Authorization; if it is empty, none is sent
  std::string cacert;                // file of trusted certificates for https; empty: those of the system
  int timeout_s = 10;
  int repeat_after_s = 60;
};

}  // namespace tamada::config
