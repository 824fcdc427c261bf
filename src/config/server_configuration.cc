// Which parameters a node's server gets, and from where. Patroni's rule: a parameter that has to be equal on all nodes
// comes from the dynamic configuration, or has its default, and is given on the command line, so that no file can
// override it.
#include "config/server_configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/dynamic.h"
#include "config/effective.h"
#include "config/local.h"
#include "config/parameter.h"
#include "config/quantity.h"
#include "config/recovery.h"
#include "core/server_features.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

enum class GlobalKind { node, wal_level, always_on, boolean, number, megabytes };

struct Global {
  std::string_view name;
  GlobalKind kind;
  std::string_view fallback;
  std::int64_t min = 0;
  int since = 90100;  // server version
};

// In the order of Patroni's command line. GlobalKind::node: the node's own file decides.
constexpr auto globals = std::to_array<Global>({
    {"listen_addresses", GlobalKind::node, ""},
    {"port", GlobalKind::node, ""},
    {"cluster_name", GlobalKind::node, "", 0, 90500},
    {"wal_level", GlobalKind::wal_level, "replica"},
    {"hot_standby", GlobalKind::always_on, "on"},
    {"max_connections", GlobalKind::number, "100", 25},
    {"max_wal_senders", GlobalKind::number, "10", 3},
    {"wal_keep_segments", GlobalKind::number, "8", 1},
    {"wal_keep_size", GlobalKind::megabytes, "128MB", 16, 130000},
    {"max_prepared_transactions", GlobalKind::number, "0", 0},
    {"max_locks_per_transaction", GlobalKind::number, "64", 32},
    {"track_commit_timestamp", GlobalKind::boolean, "off", 0, 90500},
    {"max_replication_slots", GlobalKind::number, "10", 4, 90400},
    {"max_worker_processes", GlobalKind::number, "8", 2, 90400},
    {"wal_log_hints", GlobalKind::boolean, "on", 0, 90400},
});

using Parameters = std::map<std::string, std::string>;

const Global* global(std::string_view name) {
  const auto found = std::ranges::find(globals, lower(name), &Global::name);
  return found == globals.end() ? nullptr : &*found;
}

// Sets a parameter; the case of its name does not matter.
void set(Parameters& parameters, const std::string& name, std::string value) {
  std::erase_if(parameters,
                [&](const auto& entry) { return entry.first != name && lower(entry.first) == lower(name); });
  parameters[name] = std::move(value);
}

std::optional<std::string> valid_global(const Global& parameter, const Json& value) {
  const auto text = parameter_text(value);
  if (!text) return std::nullopt;
  switch (parameter.kind) {
    case GlobalKind::wal_level: {
      const auto level = lower(*text);
      return level == "hot_standby" || level == "replica" || level == "logical" ? std::optional(level) : std::nullopt;
    }
    case GlobalKind::boolean:
      return wire::to_bool(value) ? text : std::nullopt;
    case GlobalKind::number: {
      const auto number = quantity(value);
      return number && *number >= parameter.min ? std::optional(std::to_string(*number)) : std::nullopt;
    }
    case GlobalKind::megabytes: {
      const auto number = quantity(value, "MB");
      return number && *number >= parameter.min ? text : std::nullopt;
    }
    case GlobalKind::node:
    case GlobalKind::always_on:
      break;
  }
  return std::nullopt;
}

const Json& object_at(const Json& object, std::string_view key) {
  static const Json empty = Json::object();
  const Json* value = wire::find(object, key);
  return value && value->is_object() ? *value : empty;
}

// wal_keep_size and wal_keep_segments have the same purpose, and each version of the server knows only one of them. A
// segment is taken to be of the usual 16 MB.
void convert_wal_keep(Parameters& parameters, int server_version) {
  const auto take = [&](const char* name) {
    const auto node = parameters.extract(name);
    return node ? std::optional(node.mapped()) : std::nullopt;
  };
  if (core::features::has_wal_keep_size(server_version)) {
    const auto segments = take("wal_keep_segments").value_or("8");
    const auto count = quantity(Json(segments)).value_or(8);
    parameters.try_emplace("wal_keep_size", fmt::format("{}MB", count * 16));
  } else if (core::features::is_known(server_version)) {
    const auto size = take("wal_keep_size").value_or("128MB");
    const auto megabytes = quantity(Json(size), "MB").value_or(0);
    parameters.try_emplace("wal_keep_segments", std::to_string((megabytes + 8) / 16));
  }
}

constexpr std::string_view suffix(Role role) {
  switch (role) {
    case Role::primary:
      return "primary";
    case Role::standby_leader:
      return "standby_leader";
    case Role::replica:
      break;
  }
  return "replica";
}

const RoleConfiguration& of_role(const Postgresql& postgresql, Role role) {
  switch (role) {
    case Role::primary:
      return postgresql.primary;
    case Role::standby_leader:
      return postgresql.standby_leader;
    case Role::replica:
      break;
  }
  return postgresql.replica;
}

// A role's parameters override all others, except those that have to be equal on all nodes.
void add_role_parameters(Parameters& result, const Local& local, const Json& dynamic, Role role,
                         std::vector<std::string>& warnings) {
  const auto add = [&](const std::string& name, std::string value) {
    if (!global(name)) return set(result, name, std::move(value));
    warnings.push_back(fmt::format("Role-based config attempted to override protected parameter '{}', ignoring", name));
  };
  const auto key = fmt::format("parameters_{}", suffix(role));
  for (const auto& item : object_at(object_at(dynamic, "postgresql"), key).items()) {
    if (auto text = parameter_text(item.value())) add(item.key(), std::move(*text));
  }
  for (const auto& [name, value] : of_role(local.postgresql, role).parameters) add(name, value);
}

// The local parameters override the dynamic ones. Those that have to be equal on all nodes come from the dynamic
// configuration alone if their values are valid, otherwise from the defaults.
Parameters merged_parameters(const Local& local, const Json& dynamic, int server_version, std::optional<Role> role,
                             std::vector<std::string>& warnings) {
  Parameters result;
  for (const auto& parameter : globals) {
    const bool has_default = parameter.kind != GlobalKind::node && !parameter.name.starts_with("wal_keep");
    if (has_default) result[std::string(parameter.name)] = parameter.fallback;
  }
  for (const auto& item : object_at(object_at(dynamic, "postgresql"), "parameters").items()) {
    if (const Global* parameter = global(item.key())) {
      if (auto text = valid_global(*parameter, item.value())) result[std::string(parameter->name)] = std::move(*text);
    } else if (auto text = parameter_text(item.value())) {
      set(result, item.key(), std::move(*text));
    }
  }
  for (const auto& [name, value] : local.postgresql.parameters) {
    if (!global(name)) set(result, name, value);
  }
  if (role) add_role_parameters(result, local, dynamic, *role, warnings);
  convert_wal_keep(result, server_version);
  const bool before_replica =
      core::features::is_known(server_version) && !core::features::has_wal_level_replica(server_version);
  if (result["wal_level"] == "hot_standby" || before_replica) {
    if (result["wal_level"] != "logical") result["wal_level"] = before_replica ? "hot_standby" : "replica";
  }
  for (const auto& name : {"hba_file", "ident_file"}) {
    if (const auto file = result.find(name); file != result.end()) {
      file->second = (std::filesystem::path(local.postgresql.config_dir) / file->second).string();
    }
  }
  return result;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ",")); }

void set_command_line(ServerConfiguration& configuration, Parameters& parameters, const Local& local,
                      int server_version) {
  parameters["listen_addresses"] = joined(local.postgresql.listen_hosts);
  parameters["port"] = local.postgresql.listen_port;
  parameters["cluster_name"] = local.scope;
  // With PostgreSQL's default of 5 s, a standby would wait that long after most failovers. Patroni does not set this.
  constexpr auto retry = "wal_retrieve_retry_interval";
  const bool given = std::ranges::any_of(parameters, [](const auto& one) { return lower(one.first) == retry; });
  if (!given) parameters.emplace(retry, "1s");
  for (const auto& parameter : globals) {
    if (parameter.name.starts_with("wal_keep")) continue;  // may change without a restart, so it stays in the file
    const auto node = parameters.extract(std::string(parameter.name));
    if (!node || (server_version != 0 && server_version < parameter.since)) continue;
    configuration.command_line.emplace_back(parameter.name, node.mapped());
  }
}

// As in Patroni, parameters of recovery that are given among the other parameters replace those of the section
// recovery_conf, and the local section replaces the dynamic one.
Parameters recovery_parameters(const Local& local, const Json& dynamic, Parameters& parameters) {
  Parameters given;
  for (auto it = parameters.begin(); it != parameters.end();) {
    const bool is_recovery = is_recovery_parameter(it->first);
    if (is_recovery) given[lower(it->first)] = it->second;
    it = is_recovery ? parameters.erase(it) : std::next(it);
  }
  if (given.empty()) {
    if (!local.postgresql.recovery_conf.empty()) {
      for (const auto& [name, value] : local.postgresql.recovery_conf) given[lower(name)] = value;
    } else {
      for (const auto& item : object_at(object_at(dynamic, "postgresql"), "recovery_conf").items()) {
        if (auto text = parameter_text(item.value())) given[lower(item.key())] = std::move(*text);
      }
    }
  }
  return given;
}

std::vector<std::string> text_lines(const Json& object, std::string_view key) {
  std::vector<std::string> result;
  const Json* value = wire::find(object, key);
  if (!value || !value->is_array()) return result;
  for (const auto& line : *value) {
    if (line.is_string()) result.push_back(line.get<std::string>());
  }
  return result;
}

std::vector<std::string> first_of(std::vector<std::string> first, std::vector<std::string> second) {
  return first.empty() ? std::move(second) : std::move(first);
}

// A role's own list replaces the list for every role. This holds for an empty list, too, and then the file stays as it
// is.
void replace_by_role(ServerConfiguration& result, const Local& local, const Json& postgresql, Role role) {
  const auto replace = [&](std::vector<std::string>& lines, std::string_view name,
                           const std::optional<std::vector<std::string>>& here) {
    const auto key = fmt::format("{}_{}", name, suffix(role));
    if (here) {
      lines = *here;
    } else if (wire::find(postgresql, key)) {
      lines = text_lines(postgresql, key);
    }
  };
  const auto& own = of_role(local.postgresql, role);
  replace(result.pg_hba, "pg_hba", own.pg_hba);
  replace(result.pg_ident, "pg_ident", own.pg_ident);
}

}  // namespace

ServerConfiguration server_configuration(const Local& local, const Json& dynamic, int server_version,
                                         bool bootstrapping, std::optional<Role> role) {
  ServerConfiguration result;
  const Json& postgresql = object_at(dynamic, "postgresql");
  result.parameters = merged_parameters(local, dynamic, server_version, role, result.warnings);
  set_command_line(result, result.parameters, local, server_version);
  result.recovery = recovery_parameters(local, dynamic, result.parameters);
  make_valid_recovery(result.recovery, server_version, result.warnings);

  const auto now = settings(local, dynamic, nullptr);
  result.use_slots = now.use_slots;
  result.manages_sync_names = now.synchronous();
  if (result.manages_sync_names) {
    std::erase_if(result.parameters, [](const auto& one) { return lower(one.first) == "synchronous_standby_names"; });
  }

  result.pg_hba = first_of(local.postgresql.pg_hba, text_lines(postgresql, "pg_hba"));
  if (bootstrapping) result.pg_hba = first_of(result.pg_hba, local.bootstrap.pg_hba);
  result.pg_ident = first_of(local.postgresql.pg_ident, text_lines(postgresql, "pg_ident"));
  if (role) replace_by_role(result, local, postgresql, *role);
  return result;
}

}  // namespace tamada::config
