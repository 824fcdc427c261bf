#include "postgres/configuration.h"

#include <charconv>

#include "core/slots.h"
#include "net/log.h"
#include "postgres/conninfo.h"
#include "postgres/files.h"

namespace tamada::postgres {

core::Result<std::string> Configuration::write_pgpass(const std::string& path, const std::string& lines) const {
  if (lines.empty()) return std::string();
  if (const auto now = read_file(path); now && *now == lines) return path;
  if (auto written = write_file(path, lines, 0600); !written) return std::unexpected(written.error());
  return path;
}

core::Result<std::string> Configuration::recovery_lines(const core::Upstream& upstream, int server_version) {
  const auto wanted = server(server_version);
  Parameters parameters = standby_parameters(wanted.recovery, server_version);
  if (!upstream.host.empty()) {
    const auto& credentials = local_.postgresql.replication;
    const auto passfile = write_pgpass(paths_.pgpass, pgpass_line(upstream.host, upstream.port, credentials));
    if (!passfile) return std::unexpected(passfile.error());
    parameters["primary_conninfo"] = format(to_upstream(upstream, credentials, server_version, *passfile, local_.name));
    if (wanted.use_slots) parameters["primary_slot_name"] = core::slot_name(local_.name);
  }
  return parameter_lines(parameters);
}

core::Result<bool> Configuration::write_primary(int server_version) {
  auto written = write_configuration(paths_, server(server_version), local_.postgresql.custom_conf, server_version, "");
  if (written) following_.reset();
  return written;
}

core::Result<bool> Configuration::write_standby(core::Upstream upstream, int server_version) {
  const auto lines = recovery_lines(upstream, server_version);
  if (!lines) return std::unexpected(lines.error());
  auto written =
      write_configuration(paths_, server(server_version), local_.postgresql.custom_conf, server_version, *lines);
  if (written && server_version < 120000) {
    const auto recovery = write_if_changed(paths_.recovery_conf, access_file({}) + *lines, 0600);
    written = recovery ? core::Result<bool>(*written || *recovery) : recovery;
  }
  if (written) following_ = std::move(upstream);
  return written;
}

core::Result<bool> Configuration::write_same_role(int server_version) {
  return write_configuration(paths_, server(server_version), local_.postgresql.custom_conf, server_version,
                             std::nullopt);
}

core::Result<void> Configuration::make_standby(int server_version) {
  if (server_version >= 120000) {
    if (auto removed = remove_if_exists(paths_.recovery_signal); !removed) return removed;
    if (exists(paths_.standby_signal)) return {};
    return write_file(paths_.standby_signal, "", 0600);
  }
  if (exists(paths_.recovery_conf)) return {};
  return write_file(paths_.recovery_conf, parameter_lines(standby_parameters({}, server_version)), 0600);
}

core::Result<void> Configuration::make_primary() {
  for (const auto* path : {&paths_.recovery_signal, &paths_.recovery_conf, &paths_.standby_signal}) {
    if (auto removed = remove_if_exists(*path); !removed) return removed;
  }
  return {};
}

std::vector<std::string> Configuration::command_line(int server_version,
                                                     const std::map<std::string, int>& of_last_primary) {
  std::vector<std::string> arguments{paths_.program("postgres"), "-D", paths_.data_dir, "--config-file=" + paths_.conf};
  raised_ = false;
  for (auto [name, value] : server(server_version).command_line) {
    const auto least = of_last_primary.find(name);
    int number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);
    if (least != of_last_primary.end() && least->second > number) {
      log::info("{} value in pg_controldata: {}, in the global configuration: {}. pg_controldata value will be used.",
                name, least->second, value);
      value = std::to_string(least->second);
      raised_ = true;
    }
    arguments.push_back("--" + name + "=" + value);
  }
  return arguments;
}

std::map<std::string, std::string> Configuration::wanted_values(int server_version) const {
  auto wanted = server(server_version);
  for (const auto& [name, value] : wanted.command_line) wanted.parameters[name] = value;
  return wanted.parameters;
}

bool Configuration::has_restore_command(int server_version) const {
  const auto wanted = server(server_version);
  return wanted.recovery.contains("restore_command") || wanted.parameters.contains("restore_command");
}

}  // namespace tamada::postgres
