// Writes PostgreSQL's configuration files as Patroni writes them, because a node may change from one daemon to the
// other. Source: captured files of a Patroni cluster; Patroni's documentation, "Patroni configuration".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/sections/postgresql.h"
#include "config/server_configuration.h"
#include "core/types.h"

namespace tamada::postgres {

using Parameters = std::map<std::string, std::string>;

struct Paths {
  explicit Paths(const config::Postgresql& postgresql);
  std::string in_data_dir(std::string_view name) const { return data_dir + "/" + std::string(name); }
  // The path of one of PostgreSQL's programs: in bin_dir, or in PATH if there is no bin_dir. The file has the name that
  // bin_name sets for it.
  std::string program(std::string_view name) const;

  std::string data_dir, config_dir, bin_dir;
  std::map<std::string, std::string> bin_name;
  std::string conf, base_conf, hba, ident;  // in config_dir
  std::string recovery_conf, standby_signal, recovery_signal, auto_conf;
  std::string pgpass;
};

// The line "name = 'value'" with its end, escaped so that PostgreSQL reads exactly this value. Empty if no line can
// express it, because the name is not valid or the value has a zero byte.
std::string parameter_line(std::string_view name, std::string_view value);

// recovery: the lines after "# recovery.conf"; if it is empty, this section is left out.
std::string postgresql_conf(std::string_view include, const Parameters& parameters, const Paths& paths,
                            std::string_view recovery);
// The `recovery` argument of postgresql_conf() when this file was written.
std::string recovery_section(std::string_view postgresql_conf);
// The values of all parameters, or of one, in a text of postgresql_conf() or parameter_lines(). If a parameter has
// several lines, the last one counts. Empty when it has no line.
Parameters parameters_in(std::string_view text);
std::string parameter_in(std::string_view postgresql_conf, std::string_view name);
// The lines of Parameters, sorted.
std::string parameter_lines(const Parameters& parameters);
// The text of pg_hba.conf or pg_ident.conf.
std::string access_file(const std::vector<std::string>& lines);
// The text of postgresql.auto.conf without the lines that would override our settings of recovery. All other lines of
// the operator stay.
std::string without_recovery_parameters(std::string_view auto_conf);

// What a standby needs besides primary_conninfo and primary_slot_name. From PostgreSQL 12 on it overrides recovery
// targets that are set elsewhere, because a standby would stop or pause at them.
Parameters standby_parameters(const Parameters& configured, int server_version);

// Writes all files for `server`. recovery: the lines of that section (PostgreSQL 12 and later); nullopt: the lines in
// the file stay. Returns whether a file changed.
core::Result<bool> write_configuration(const Paths& paths, const config::ServerConfiguration& server,
                                       const std::string& custom_conf, int server_version,
                                       const std::optional<std::string>& recovery);

}  // namespace tamada::postgres
