// What is written to the files of a node's server.
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

// What is written to the server's files for this node, dynamic and local merged (local wins, except for the parameters
// that must be equal on all nodes, which come from dynamic or their default and go to the command line too).
struct ServerConfiguration {
  std::map<std::string, std::string> parameters;  // everything but the command line's
  std::vector<std::pair<std::string, std::string>>
      command_line;                             // in Patroni's order: listen_addresses, port, cluster_name ...
  std::vector<std::string> pg_hba;              // empty: leave pg_hba.conf alone
  std::vector<std::string> pg_ident;            // empty: leave pg_ident.conf alone
  std::map<std::string, std::string> recovery;  // restore_command and the like, for standbys
  bool use_slots = true;
  std::vector<std::string> warnings;  // what was given and cannot be taken over
  bool keeps_auto_conf = false;       // what a backup tool wrote into postgresql.auto.conf about recovery stays
  bool manages_sync_names = false;    // synchronous_standby_names is the leader's to set, not the operator's
};
ServerConfiguration server_configuration(
    const Local& local, const Json& dynamic, int server_version,
    bool bootstrapping = false,                // then bootstrap.pg_hba counts, if there is no other
    std::optional<Role> role = std::nullopt);  // whose parameters_*, pg_hba_* and pg_ident_* count

}  // namespace tamada::config
