// The parameters by which a standby gets its WAL and replays it. Before PostgreSQL 12 they are lines of recovery.conf;
// since then they are parameters like others.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::config {

bool is_recovery_parameter(std::string_view name);  // the case does not matter

// Whether a server of this version has to be restarted to take a new value. Before PostgreSQL 12 recovery.conf is read
// at the start only.
bool recovery_needs_restart(std::string_view name, int server_version);

// Keeps the parameters of `given`, with names in lower case, that an operator may set on a standby of this version. The
// recovery target and the upstream are not among them. The parameter of the trigger file gets its name of this version;
// parameters with which the server would refuse to start are removed with a warning.
void make_valid_recovery(std::map<std::string, std::string>& given, int server_version,
                         std::vector<std::string>& warnings);

}  // namespace tamada::config
