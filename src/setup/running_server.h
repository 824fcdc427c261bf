// What --generate-config learns from a running PostgreSQL.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/types.h"

namespace tamada::setup {

// A parameter's value as people write it into YAML: numbers without quotes.
nlohmann::ordered_json setting_json(const std::string& value);

struct RunningServer {
  int version = 0;
  std::vector<std::pair<std::string, std::string>>
      settings;  // what files and the command line set, and what the configuration needs in any case
  std::map<std::string, std::string> superuser;  // as postgresql.authentication.superuser has it
  std::string port;                              // that it was reached at; empty: as it listens
  std::string bin_dir;
  std::vector<std::string> pg_hba, pg_ident;  // of the files in the data directory; empty: they lie elsewhere
};

// `dsn` may be empty: then libpq's own defaults and PG* variables count. An error says what failed.
core::Result<RunningServer> ask_running_server(const std::string& dsn,
                                               const std::map<std::string, std::string>& environment);

// Puts what the server told into a configuration.
void take_over(nlohmann::ordered_json& config, const RunningServer& server);

}  // namespace tamada::setup
