// What --generate-config reads from a running PostgreSQL server.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/types.h"

namespace tamada::setup {

// A parameter's value as people write it in YAML: numbers without quotes.
nlohmann::ordered_json setting_json(const std::string& value);

struct RunningServer {
  int version = 0;
  std::vector<std::pair<std::string, std::string>>
      settings;  // the settings from files and the command line, and those that the configuration needs in any case
  std::map<std::string, std::string> superuser;  // in the form of postgresql.authentication.superuser
  std::string port;                              // the port at which the server was reached; empty: the port that it
                                                 // listens on
  std::string bin_dir;
  std::vector<std::string> pg_hba, pg_ident;  // the lines of the files in the data directory; empty if the files are
                                              // elsewhere
};

// If `dsn` is empty, libpq's defaults and the PG* variables are used. An error tells what failed.
core::Result<RunningServer> ask_running_server(const std::string& dsn,
                                               const std::map<std::string, std::string>& environment);

// Copies the server's settings into a configuration.
void take_over(nlohmann::ordered_json& config, const RunningServer& server);

}  // namespace tamada::setup
