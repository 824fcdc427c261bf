// A section of patroni.yml that names a program.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tamada::config {

// A program of the operator's that makes a cluster (bootstrap.<method>) or a replica (postgresql.<method>).
struct Method {
  std::string name, command;                                   // the name of the section; the command without arguments
  bool no_params = false;                                      // the command gets no arguments from the daemon
  std::vector<std::pair<std::string, std::string>> arguments;  // every other key: --key=value
  // For a bootstrap:
  bool keep_existing_recovery_conf = false;
  std::map<std::string, std::string> recovery_conf;
  // For a replica:
  bool no_leader = false;  // works without a running leader
  bool keep_data = false;  // the program works on the present data directory, which is not set aside
};

}  // namespace tamada::config
