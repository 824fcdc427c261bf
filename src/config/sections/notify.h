// The section `notify` of patroni.yml; not Patroni's.
#pragma once

#include <string>
#include <vector>

namespace tamada::config {

struct Notify {
  std::vector<std::string> command;  // with its arguments; empty: none
  std::string webhook;               // a URL, which may be a secret itself; empty: none
  std::string authorization;         // the value of the header of that name; empty: none
  std::string cacert;                // authorities for https; empty: the system's
  int timeout_s = 10;
  int repeat_after_s = 60;
};

}  // namespace tamada::config
