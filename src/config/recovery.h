// The parameters of recovery, by which a standby gets its WAL and replays it: lines of recovery.conf before PostgreSQL
// 12, parameters like others since.
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

// Keeps the parameters of `given`, names in lower case, that an operator may set on a standby of this version, which
// excludes the recovery target and the upstream. The trigger file gets the version's name; parameters with which the
// server would refuse to start are removed with a warning.
void make_valid_recovery(std::map<std::string, std::string>& given, int server_version,
                         std::vector<std::string>& warnings);

}  // namespace tamada::config
