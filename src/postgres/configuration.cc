#include "postgres/configuration.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "config/parameter.h"
#include "config/recovery.h"
#include "core/server_features.h"
#include "core/slots.h"
#include "net/disk.h"
#include "net/log.h"
#include "postgres/conninfo.h"
#include "postgres/files.h"
#include "wire/json.h"

namespace tamada::postgres {
namespace {
constexpr const char* feedback = "hot_standby_feedback";
constexpr const char* target_timeline = "recovery_target_timeline";

// Counts up by one for the lifetime of this object.
class Count {
 public:
  explicit Count(int& of) : of_(of) { ++of_; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;
  ~Count() { --of_; }

 private:
  int& of_;
};
}  // namespace

Configuration::Configuration(const config::Local& local, Dynamic dynamic, const Paths& paths)
    : local_(local), dynamic_(std::move(dynamic)), paths_(paths) {
  feedback_enforced_ = read_file(paths_.conf).value_or("").contains(parameter_line(feedback, "on"));
}

namespace {
constexpr auto sync_names_parameter = "synchronous_standby_names";
constexpr auto standby_slots_parameter = "synchronized_standby_slots";

// Whether the consumers of failover slots have to wait for the synchronous standbys, so that none of them is ahead of
// the standby that is promoted. An operator's own value stays.
bool sets_standby_slots(const config::ServerConfiguration& wanted, int server_version) {
  const auto copies = wanted.parameters.find("sync_replication_slots");
  return core::features::has_failover_slots(server_version) && wanted.use_slots && copies != wanted.parameters.end() &&
         wire::to_bool(copies->second).value_or(false) && !wanted.parameters.contains(standby_slots_parameter);
}
}  // namespace

awaitable<core::Result<std::string>> Configuration::write_pgpass(std::string path, std::string lines) const {
  if (lines.empty()) co_return std::string();
  const auto written = co_await net::on_disk_thread([=] { return write_if_changed(path, lines, 0600); });
  if (!written) co_return std::unexpected(written.error());
  co_return path;
}

awaitable<core::Result<std::string>> Configuration::recovery_lines(core::Upstream upstream, int server_version) {
  const auto wanted = server(server_version);
  auto recovery = wanted.recovery;
  for (const auto& [name, value] : {std::pair{"restore_command", upstream.restore_command},
                                    std::pair{"archive_cleanup_command", upstream.archive_cleanup_command},
                                    std::pair{"recovery_min_apply_delay", upstream.recovery_min_apply_delay}}) {
    if (!value.empty()) recovery[name] = value;
  }
  std::vector<std::string> warnings;
  config::make_valid_recovery(recovery, server_version, warnings);
  warn_once(warnings);
  Parameters parameters = standby_parameters(recovery, server_version);
  if (upstream.target_timeline != 0) parameters[target_timeline] = std::to_string(upstream.target_timeline);
  if (!upstream.host.empty()) {
    const auto& credentials = local_.postgresql.replication;
    const auto passfile = co_await write_pgpass(paths_.pgpass, pgpass_line(upstream.host, upstream.port, credentials));
    if (!passfile) co_return std::unexpected(passfile.error());
    auto conninfo = to_upstream(upstream, credentials, server_version, *passfile, local_.name);
    const auto slot = core::slot_name(upstream.remote ? upstream.slot : local_.name);
    if (wanted.use_slots && !slot.empty()) {
      parameters["primary_slot_name"] = slot;
      // If the list has several hosts, the primary is chosen, because it has the slot.
      if (upstream.remote && upstream.host.contains(',')) conninfo.emplace_back("target_session_attrs", "read-write");
    }
    parameters["primary_conninfo"] = format(conninfo);
  }
  co_return parameter_lines(parameters);
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
  warn_once(wanted.warnings);
  warnings_ = wanted.warnings;
  return wanted;
}

void Configuration::warn_once(const std::vector<std::string>& warnings) const {
  for (const auto& warning : warnings) {
    if (warned_.insert(warning).second) log::warning("{}", warning);
  }
}

core::Problems Configuration::problems() const {
  core::Problems all;
  for (const auto& warning : warnings_) all.push_back({.kind = core::ProblemKind::configuration, .text = warning});
  if (refused_access_)
    all.push_back({.kind = core::ProblemKind::access, .text = refused_why_ + "; the previous files are kept"});
  for (const auto& [name, refused] : refused_)
    all.push_back({.kind = core::ProblemKind::configuration, .text = refused.why});
  return all;
}

void Configuration::refuse_parameter(const std::string& name, std::string value, std::optional<std::string> before,
                                     std::string why) {
  if (before == value) before.reset();
  refused_[name] = {.value = std::move(value), .before = std::move(before), .why = std::move(why)};
}

void Configuration::refuse_access_files(int server_version, std::string why) {
  refused_why_ = std::move(why);
  const auto wanted = server(server_version);
  refused_access_.emplace(wanted.pg_hba, wanted.pg_ident);
}

// The operator's configuration, completed by the names of the synchronous standbys, which the leader chooses.
config::ServerConfiguration Configuration::managed(int server_version) {
  auto wanted = server(server_version);
  if (refused_access_ == std::pair(wanted.pg_hba, wanted.pg_ident)) {
    wanted.pg_hba.clear();
    wanted.pg_ident.clear();
  } else {
    refused_access_.reset();
  }
  std::erase_if(refused_, [&wanted](const auto& entry) {
    const auto& [name, refused] = entry;
    const auto now = wanted.parameters.find(name);
    if (now == wanted.parameters.end() || now->second != refused.value) return true;
    if (refused.before) {
      now->second = *refused.before;
    } else {
      wanted.parameters.erase(now);
    }
    return false;
  });
  if (!wanted.manages_sync_names) {
    sync_names_.reset();
    return wanted;
  }
  // After a restart of the daemon the names in the file stay in force, because `/sync` relies on them.
  if (!sync_names_) sync_names_ = parameter_in(read_file(paths_.conf).value_or(""), sync_names_parameter);
  if (!sync_names_->empty()) wanted.parameters[sync_names_parameter] = *sync_names_;
  const auto slots = core::synchronized_standby_slots(*sync_names_);
  if (!slots.empty() && sets_standby_slots(wanted, server_version)) wanted.parameters[standby_slots_parameter] = slots;
  return wanted;
}

awaitable<core::Result<bool>> Configuration::write(int server_version, std::optional<std::string> recovery) {
  const auto role = role_;
  const bool separate =
      recovery && role != config::Role::primary && !core::features::has_standby_signal(server_version);
  const auto all = [=, paths = paths_, server = managed(server_version), custom = local_.postgresql.custom_conf] {
    auto written = write_configuration(paths, server, custom, server_version, recovery);
    if (!written || !separate) return written;
    const auto changed = write_if_changed(paths.recovery_conf, access_file({}) + *recovery, 0600);
    return changed ? core::Result<bool>(*written || *changed) : changed;
  };
  const Count writing(writing_);
  auto written = co_await net::on_disk_thread(all);
  if (written) {
    written_for_ = role;
  } else {
    failed_at_ = std::chrono::steady_clock::now();
  }
  co_return written;
}

bool Configuration::is_current(config::Role role) const {
  constexpr auto try_again_after = std::chrono::seconds(10);
  if (writing_ > 0) return true;  // the files are being written
  if (failed_at_ && std::chrono::steady_clock::now() - *failed_at_ < try_again_after) return true;
  return written_for_ == role && (role == config::Role::primary || !is_overridden());
}

bool Configuration::is_overridden() const {
  struct stat status{};
  if (::stat(paths_.auto_conf.c_str(), &status) != 0) return false;
  const auto written = status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
  if (written != auto_conf_.first) {
    const auto text = read_file(paths_.auto_conf).value_or("");
    auto_conf_ = {written, without_recovery_parameters(text) != text};
  }
  return auto_conf_.second;
}

awaitable<core::Result<bool>> Configuration::write_primary(int server_version) {
  role_ = config::Role::primary;
  auto written = co_await write(server_version, "");
  if (written) following_.reset();
  co_return written;
}

awaitable<core::Result<bool>> Configuration::write_standby(core::Upstream upstream, int server_version) {
  role_ = upstream.remote ? config::Role::standby_leader : config::Role::replica;
  auto lines = co_await recovery_lines(upstream, server_version);
  if (!lines) co_return std::unexpected(lines.error());
  auto written = co_await write(server_version, std::move(*lines));
  if (written) following_ = std::move(upstream);
  co_return written;
}

awaitable<core::Result<bool>> Configuration::write_same_role(int server_version) {
  co_return co_await write(server_version, std::nullopt);
}

awaitable<core::Result<bool>> Configuration::write_standby_again(int server_version) {
  if (!following_) co_return co_await write_same_role(server_version);
  co_return co_await write_standby(*following_, server_version);
}

Parameters Configuration::written_recovery(int server_version) const {
  if (!core::features::has_standby_signal(server_version))
    return parameters_in(read_file(paths_.recovery_conf).value_or(""));
  return parameters_in(recovery_section(read_file(paths_.conf).value_or("")));
}

namespace {

core::Result<void> remove_signals(const Paths& paths) {
  for (const auto* path : {&paths.recovery_signal, &paths.recovery_conf, &paths.standby_signal}) {
    if (auto removed = remove_if_exists(*path); !removed) return removed;
  }
  return {};
}

core::Result<void> write_recovery_of(const Paths& paths, const config::Method& method, int server_version) {
  if (method.recovery_conf.empty()) {
    return method.keep_existing_recovery_conf ? core::Result<void>() : remove_signals(paths);
  }
  auto recovery = method.recovery_conf;
  const auto mode = recovery.find("standby_mode");
  const bool standby = mode != recovery.end() && (mode->second == "on" || mode->second == "true");
  if (!core::features::has_standby_signal(server_version))
    return write_file(paths.recovery_conf, parameter_lines(recovery), 0600);
  if (auto removed = remove_signals(paths); !removed) return removed;
  return write_file(standby ? paths.standby_signal : paths.recovery_signal, "", 0600);
}

core::Result<void> write_standby_signal(const Paths& paths, int server_version) {
  if (core::features::has_standby_signal(server_version)) {
    if (auto removed = remove_if_exists(paths.recovery_signal); !removed) return removed;
    if (exists(paths.standby_signal)) return {};
    return write_file(paths.standby_signal, "", 0600);
  }
  if (exists(paths.recovery_conf)) return {};
  return write_file(paths.recovery_conf, parameter_lines(standby_parameters({}, server_version)), 0600);
}

}  // namespace

awaitable<core::Result<void>> Configuration::write_restored(config::Method method, int server_version) {
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
  const auto all = [=, paths = paths_, custom = local_.postgresql.custom_conf]() -> core::Result<void> {
    const auto written = write_configuration(paths, wanted, custom, server_version, parameter_lines(recovery));
    if (!written) return std::unexpected(written.error());
    return write_recovery_of(paths, method, server_version);
  };
  co_return co_await net::on_disk_thread(all);
}

awaitable<core::Result<void>> Configuration::end_restored() {
  if (!restored_hba_) co_return core::Result<void>();
  const auto write = [file = paths_.hba, text = *std::exchange(restored_hba_, std::nullopt)] {
    return write_file(file, text, 0600);
  };
  co_return co_await net::on_disk_thread(write);
}

awaitable<core::Result<void>> Configuration::make_standby(int server_version) {
  co_return co_await net::on_disk_thread(
      [paths = paths_, server_version] { return write_standby_signal(paths, server_version); });
}

awaitable<core::Result<void>> Configuration::make_primary() {
  co_return co_await net::on_disk_thread([paths = paths_] { return remove_signals(paths); });
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
