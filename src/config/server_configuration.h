// Which settings are written to the files of a node's server.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/json.h"

namespace tamada::config {

struct Local;

enum class Role { primary, replica, standby_leader };

// What is written to the server's files for this node: the dynamic and the local configuration, merged. A local value
// overrides a dynamic one. Parameters that must be equal on all nodes are different: they come from the dynamic
// configuration or have their default, and are given on the command line, too.
struct ServerConfiguration {
  std::map<std::string, std::string> parameters;  // all parameters except those of the command line
  std::vector<std::pair<std::string, std::string>>
      command_line;                             // in Patroni's order: listen_addresses, port, cluster_name ...
  std::vector<std::string> pg_hba;              // empty: pg_hba.conf stays as it is
  std::vector<std::string> pg_ident;            // empty: pg_ident.conf stays as it is
  std::map<std::string, std::string> recovery;  // restore_command and the like, for standbys
  bool use_slots = true;
  std::vector<std::string> warnings;  // settings that were given and cannot be used
  bool keeps_auto_conf = false;       // whether the recovery settings that a backup tool wrote into
                                      // postgresql.auto.conf stay
  bool manages_sync_names = false;    // whether the daemon sets synchronous_standby_names, not the operator
};
ServerConfiguration server_configuration(
    const Local& local, const Json& dynamic, int server_version,
    bool bootstrapping = false,                // then bootstrap.pg_hba is used if there is no other list
    std::optional<Role> role = std::nullopt);  // the role whose parameters_*, pg_hba_* and pg_ident_* are used

}  // namespace tamada::config
