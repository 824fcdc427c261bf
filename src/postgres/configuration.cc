#include "postgres/configuration.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "config/parameter.h"
#include "core/slots.h"
#include "net/log.h"
#include "postgres/conninfo.h"
#include "postgres/files.h"

namespace tamada::postgres {
namespace {
constexpr const char* feedback = "hot_standby_feedback";
}

Configuration::Configuration(const config::Local& local, Dynamic dynamic, const Paths& paths)
    : local_(local), dynamic_(std::move(dynamic)), paths_(paths) {
  feedback_enforced_ = read_file(paths_.conf).value_or("").contains(parameter_line(feedback, "on"));
}

namespace {
constexpr auto sync_names_parameter = "synchronous_standby_names";
}

core::Result<std::string> Configuration::write_pgpass(const std::string& path, const std::string& lines) const {
  if (lines.empty()) return std::string();
  if (const auto now = read_file(path); now && *now == lines) return path;
  if (auto written = write_file(path, lines, 0600); !written) return std::unexpected(written.error());
  return path;
}

core::Result<std::string> Configuration::recovery_lines(const core::Upstream& upstream, int server_version) {
  const auto wanted = server(server_version);
  auto recovery = wanted.recovery;
  for (const auto& [name, value] : {std::pair{"restore_command", upstream.restore_command},
                                    std::pair{"archive_cleanup_command", upstream.archive_cleanup_command},
                                    std::pair{"recovery_min_apply_delay", upstream.recovery_min_apply_delay}}) {
    if (!value.empty()) recovery[name] = value;
  }
  Parameters parameters = standby_parameters(recovery, server_version);
  if (!upstream.host.empty()) {
    const auto& credentials = local_.postgresql.replication;
    const auto passfile = write_pgpass(paths_.pgpass, pgpass_line(upstream.host, upstream.port, credentials));
    if (!passfile) return std::unexpected(passfile.error());
    auto conninfo = to_upstream(upstream, credentials, server_version, *passfile, local_.name);
    const auto slot = core::slot_name(upstream.remote ? upstream.slot : local_.name);
    if (wanted.use_slots && !slot.empty()) {
      parameters["primary_slot_name"] = slot;
      // Of several hosts the one that has the slot: the primary.
      if (upstream.remote && upstream.host.contains(',')) conninfo.emplace_back("target_session_attrs", "read-write");
    }
    parameters["primary_conninfo"] = format(conninfo);
  }
  return parameter_lines(parameters);
}

bool Configuration::has_unknown_names(int server_version) const {
  const auto wanted = config::server_configuration(local_, dynamic_(), server_version, false, role_);
  return known_.empty() && std::ranges::any_of(wanted.parameters, [server_version](const auto& parameter) {
           return !parameter.first.contains('.') && !config::find_parameter(parameter.first, server_version);
         });
}

config::ServerConfiguration Configuration::server(int server_version) const {
  auto wanted = config::server_configuration(local_, dynamic_(), server_version, false, role_);
  if (feedback_enforced_) wanted.parameters[feedback] = "on";
  config::make_valid(wanted.parameters, server_version, known_, wanted.warnings);
  for (const auto& warning : wanted.warnings) {
    if (warned_.insert(warning).second) log::warning("{}", warning);
  }
  return wanted;
}

// What the operator configured, and the names of the synchronous standbys, which are the leader's to choose.
config::ServerConfiguration Configuration::managed(int server_version) {
  auto wanted = server(server_version);
  if (!wanted.manages_sync_names) {
    sync_names_.reset();
    return wanted;
  }
  // After a restart of the daemon: what it set before is part of what `/sync` promises.
  if (!sync_names_) sync_names_ = parameter_in(read_file(paths_.conf).value_or(""), sync_names_parameter);
  if (!sync_names_->empty()) wanted.parameters[sync_names_parameter] = *sync_names_;
  return wanted;
}

core::Result<bool> Configuration::write(int server_version, const std::optional<std::string>& recovery) {
  auto written =
      write_configuration(paths_, managed(server_version), local_.postgresql.custom_conf, server_version, recovery);
  if (written) {
    written_for_ = role_;
  } else {
    failed_at_ = std::chrono::steady_clock::now();
  }
  return written;
}

bool Configuration::is_current(config::Role role) const {
  constexpr auto try_again_after = std::chrono::seconds(10);
  return written_for_ == role || (failed_at_ && std::chrono::steady_clock::now() - *failed_at_ < try_again_after);
}

core::Result<bool> Configuration::write_primary(int server_version) {
  role_ = config::Role::primary;
  auto written = write(server_version, "");
  if (written) following_.reset();
  return written;
}

core::Result<bool> Configuration::write_standby(core::Upstream upstream, int server_version) {
  role_ = upstream.remote ? config::Role::standby_leader : config::Role::replica;
  const auto lines = recovery_lines(upstream, server_version);
  if (!lines) return std::unexpected(lines.error());
  auto written = write(server_version, *lines);
  if (written && server_version < 120000) {
    const auto recovery = write_if_changed(paths_.recovery_conf, access_file({}) + *lines, 0600);
    written = recovery ? core::Result<bool>(*written || *recovery) : recovery;
  }
  if (written) following_ = std::move(upstream);
  return written;
}

core::Result<bool> Configuration::write_same_role(int server_version) { return write(server_version, std::nullopt); }

core::Result<void> Configuration::write_recovery_of(const config::Method& method, int server_version) {
  if (method.recovery_conf.empty()) {
    return method.keep_existing_recovery_conf ? core::Result<void>() : make_primary();
  }
  auto recovery = method.recovery_conf;
  const auto mode = recovery.find("standby_mode");
  const bool standby = mode != recovery.end() && (mode->second == "on" || mode->second == "true");
  if (server_version < 120000) return write_file(paths_.recovery_conf, parameter_lines(recovery), 0600);
  if (auto removed = make_primary(); !removed) return removed;
  return write_file(standby ? paths_.standby_signal : paths_.recovery_signal, "", 0600);
}

core::Result<void> Configuration::write_restored(const config::Method& method, int server_version) {
  auto wanted = server(server_version);
  auto recovery = method.recovery_conf;
  recovery.erase("standby_mode");
  restored_hba_ = read_file(paths_.hba);
  const std::string su = local_.postgresql.superuser.username;
  const std::string superuser = su.empty() ? "all" : su, replication = local_.postgresql.replication.username;
  wanted.pg_hba = {"local replication " + replication + " trust", "local all " + superuser + " trust",
                   "host replication " + replication + " samehost trust", "host all " + superuser + " samehost trust"};
  wanted.parameters["hba_file"] = paths_.hba;
  wanted.keeps_auto_conf = method.keep_existing_recovery_conf && method.recovery_conf.empty();
  const auto written =
      write_configuration(paths_, wanted, local_.postgresql.custom_conf, server_version, parameter_lines(recovery));
  if (!written) return std::unexpected(written.error());
  return write_recovery_of(method, server_version);
}

core::Result<void> Configuration::end_restored() {
  if (!restored_hba_) return {};
  return write_file(paths_.hba, *std::exchange(restored_hba_, std::nullopt), 0600);
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

bool Configuration::has_restore_command(int server_version) const {
  const auto wanted = server(server_version);
  return wanted.recovery.contains("restore_command") || wanted.parameters.contains("restore_command");
}

}  // namespace tamada::postgres
