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

// What of `given`, names in lower case, a standby of this version may be told by the operator: where to recover to, and
// from whom, is not among it. The name of the trigger file is that of the version; what the server would refuse to
// start with is taken out, with a warning.
void make_valid_recovery(std::map<std::string, std::string>& given, int server_version,
                         std::vector<std::string>& warnings);

}  // namespace tamada::config
