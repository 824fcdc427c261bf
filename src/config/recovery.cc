#include "config/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/parameter.h"
#include "core/server_features.h"

namespace tamada::config {
namespace {

struct RecoveryParameter {
  std::string_view name;
  int reloads_since;  // the first major version that changes it by a reload; 0 when no version does
};

// Source: PostgreSQL's release notes, and pg_settings.context.
constexpr auto recovery_names = std::to_array<RecoveryParameter>({{"archive_cleanup_command", 12},
                                                                  {"pause_at_recovery_target", 0},
                                                                  {"primary_conninfo", 13},
                                                                  {"primary_slot_name", 13},
                                                                  {"promote_trigger_file", 12},
                                                                  {"recovery_end_command", 12},
                                                                  {"recovery_min_apply_delay", 12},
                                                                  {"recovery_target", 0},
                                                                  {"recovery_target_action", 0},
                                                                  {"recovery_target_inclusive", 0},
                                                                  {"recovery_target_lsn", 0},
                                                                  {"recovery_target_name", 0},
                                                                  {"recovery_target_time", 0},
                                                                  {"recovery_target_timeline", 0},
                                                                  {"recovery_target_xid", 0},
                                                                  {"restore_command", 14},
                                                                  {"standby_mode", 0},
                                                                  {"trigger_file", 0}});

const RecoveryParameter* recovery_parameter(std::string_view name) {
  const auto found = std::ranges::find(recovery_names, lower(name), &RecoveryParameter::name);
  return found == recovery_names.end() ? nullptr : &*found;
}

}  // namespace

bool is_recovery_parameter(std::string_view name) { return recovery_parameter(name) != nullptr; }

bool recovery_needs_restart(std::string_view name, int server_version) {
  const auto* parameter = recovery_parameter(name);
  return parameter && (parameter->reloads_since == 0 || server_version / 10000 < parameter->reloads_since);
}

void make_valid_recovery(std::map<std::string, std::string>& given, int server_version,
                         std::vector<std::string>& warnings) {
  std::erase_if(given, [&warnings](const auto& entry) {
    const auto& name = entry.first;
    if (!is_recovery_parameter(name)) {
      warnings.push_back(
          fmt::format("postgresql.recovery_conf: {} is no parameter of recovery, it has no effect there", name));
    }
    return !is_recovery_parameter(name) || name.starts_with("recovery_target") || name == "primary_conninfo" ||
           name == "primary_slot_name" || name == "standby_mode" || name == "pause_at_recovery_target";
  });
  const bool before_12 =
      core::features::is_known(server_version) && !core::features::has_standby_signal(server_version);
  auto trigger = given.extract(before_12 ? "promote_trigger_file" : "trigger_file");
  if (!trigger.empty()) {
    trigger.key() = before_12 ? "trigger_file" : "promote_trigger_file";
    given.insert(std::move(trigger));
  }
  make_valid(given, server_version, {}, warnings, "postgresql.recovery_conf");
}

}  // namespace tamada::config
