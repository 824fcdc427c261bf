#include "config/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "config/dynamic.h"
#include "config/parameter.h"
#include "config/profile.h"
#include "config/quantity.h"
#include "config/recovery.h"
#include "config/validate.h"
#include "core/server_features.h"
#include "wire/json.h"
#include "wire/number.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

// Parameters that take effect only after a restart. Source: `postgres --describe-config` (context postmaster),
// PostgreSQL's release notes.
constexpr auto restart_names = std::to_array<std::string_view>({"archive_mode",
                                                                "autovacuum_freeze_max_age",
                                                                "autovacuum_max_workers",
                                                                "autovacuum_multixact_freeze_max_age",
                                                                "autovacuum_worker_slots",
                                                                "bonjour",
                                                                "bonjour_name",
                                                                "cluster_name",
                                                                "commit_timestamp_buffers",
                                                                "data_directory",
                                                                "data_sync_retry",
                                                                "dynamic_shared_memory_type",
                                                                "event_source",
                                                                "external_pid_file",
                                                                "hba_file",
                                                                "hot_standby",
                                                                "huge_page_size",
                                                                "huge_pages",
                                                                "ident_file",
                                                                "io_max_combine_limit",
                                                                "io_max_concurrency",
                                                                "io_method",
                                                                "jit_provider",
                                                                "listen_addresses",
                                                                "logging_collector",
                                                                "max_active_replication_origins",
                                                                "max_connections",
                                                                "max_files_per_process",
                                                                "max_locks_per_transaction",
                                                                "max_logical_replication_workers",
                                                                "max_notify_queue_pages",
                                                                "max_pred_locks_per_transaction",
                                                                "max_prepared_transactions",
                                                                "max_replication_slots",
                                                                "max_wal_senders",
                                                                "max_worker_processes",
                                                                "min_dynamic_shared_memory",
                                                                "multixact_member_buffers",
                                                                "multixact_offset_buffers",
                                                                "notify_buffers",
                                                                "old_snapshot_threshold",
                                                                "port",
                                                                "reserved_connections",
                                                                "serializable_buffers",
                                                                "shared_buffers",
                                                                "shared_memory_type",
                                                                "shared_preload_libraries",
                                                                "subtransaction_buffers",
                                                                "superuser_reserved_connections",
                                                                "track_activity_query_size",
                                                                "track_commit_timestamp",
                                                                "transaction_buffers",
                                                                "unix_socket_directories",
                                                                "unix_socket_group",
                                                                "unix_socket_permissions",
                                                                "wal_buffers",
                                                                "wal_decode_buffer_size",
                                                                "wal_level",
                                                                "wal_log_hints"});

const Json& section_at(const Json& object, std::string_view key) {
  static const Json none = Json::object();
  const Json* value = wire::find(object, key);
  return value && value->is_object() ? *value : none;
}

const Json& recovery_of(const Json& config) { return section_at(section_at(config, "postgresql"), "recovery_conf"); }

const Json& parameters_of(const Json& config) { return section_at(section_at(config, "postgresql"), "parameters"); }

// Patroni replaces a number that is out of range by the nearest allowed one.
bool is_number_out_of_range(const Json& config, const std::string& path) {
  const Key* key = find(dynamic_schema, path);
  const Json* value = key ? wire::find(config, path) : nullptr;
  return value && (key->type == Type::integer || key->type == Type::seconds) &&
         quantity(*value, key->type == Type::seconds ? "s" : "");
}

void judge_keys(const Json& config, Judgement& to) {
  const Document document{.value = config, .origins = {}};
  Problems problems;
  validate(document, dynamic_schema, Purpose::ctl, problems);
  for (const auto& problem : problems.errors) {
    const auto path = problem.text.substr(0, problem.text.find(": "));
    (is_number_out_of_range(config, path) ? to.warnings : to.errors).push_back(problem.text);
  }
  for (const auto& problem : problems.warnings) {
    const auto path = problem.text.substr(0, problem.text.find(": "));
    const bool below = !find(dynamic_schema, path) && find(*find(dynamic_schema, "postgresql"), path);
    const bool parameter = (path.starts_with("postgresql.") || !path.contains('.')) &&
                           find_parameter(path.substr(path.rfind('.') + 1), parameter_table_newest * 10000);
    if (below) {
      to.errors.push_back(fmt::format("{0}: has no effect here; it belongs into postgresql: postgresql.{0}", path));
    } else if (parameter && problem.text.contains("unknown key")) {
      to.warnings.push_back(fmt::format("{}: unknown key; it has no effect. Did you mean postgresql.parameters.{}?",
                                        path, path.substr(path.rfind('.') + 1)));
    } else {
      to.warnings.push_back(problem.text);
    }
  }
}

std::string nearest_parameter(const std::string& name, int server_version) {
  std::vector<std::string> names;
  for (const auto& parameter : parameter_table()) {
    if (find_parameter(parameter.name, server_version)) names.emplace_back(parameter.name);
  }
  return nearest(lower(name), names);
}

std::string unit_of(const Parameter& parameter) {
  return parameter.unit.empty() ? std::string() : fmt::format(", in {} or with a unit", parameter.unit);
}

bool in_any_version(const std::string& name) {
  return std::ranges::any_of(parameter_table(), [&](const auto& one) { return lower(one.name) == lower(name); });
}

const wire::ServerParameter* find(const wire::ServerParameters& own, const std::string& name) {
  const auto it = std::ranges::find_if(own, [&](const auto& one) { return lower(one.name) == lower(name); });
  return it == own.end() ? nullptr : &*it;
}

// Words that PostgreSQL accepts for enumerations as other names of listed words, and that pg_settings does not list.
constexpr auto untold_words =
    std::to_array<std::string_view>({"debug", "info", "fatal", "panic", "archive", "hot_standby"});

bool takes_word(const wire::ServerParameter& own, const std::string& value) {
  if (std::ranges::find(untold_words, lower(value)) != untold_words.end()) return true;
  const auto has = [&](const std::string& word) {
    return std::ranges::any_of(own.words, [&](const auto& one) { return lower(one) == word; });
  };
  const auto boolean = parse_boolean(value);  // any spelling of a boolean is accepted if the words contain "on" or
                                              // "off"
  return has(lower(value)) || (boolean && has(*boolean ? "on" : "off"));
}

// The values that the running server would accept instead; empty when it accepts `value`.
std::string taken_instead(const wire::ServerParameter& own, const std::string& value) {
  switch (parameter_type(own.vartype)) {
    case ParameterType::boolean:
      return parse_boolean(value) ? "" : "on, off";
    case ParameterType::enumeration:
      return takes_word(own, value) ? "" : fmt::format("{}", fmt::join(own.words, ", "));
    case ParameterType::text:
      return "";
    case ParameterType::integer:
    case ParameterType::real:
      break;
  }
  const auto number = wire::parse_number(value, own.unit);
  const auto least = wire::parse_number(own.min, ""), most = wire::parse_number(own.max, "");
  if (number && (!least || *number >= *least) && (!most || *number <= *most)) return "";
  return fmt::format("a number from {} to {}{}", own.min, own.max,
                     own.unit.empty() ? "" : fmt::format(", in {} or with a unit", own.unit));
}

void judge_unknown(const std::string& path, const std::string& name, int server_version,
                   const wire::ServerParameters& own, Judgement& to) {
  // If another version knows the name, a member of that version may have the parameter.
  if (!own.empty() && !in_any_version(name)) {
    std::vector<std::string> names;
    for (const auto& one : own) names.push_back(lower(one.name));
    const auto meant = nearest(lower(name), names);
    to.errors.push_back(fmt::format("{}: the server that runs here has no such parameter to set{}", path,
                                    meant.empty() ? "" : fmt::format(". Did you mean {}?", meant)));
    return;
  }
  const auto meant = nearest_parameter(name, server_version);
  to.warnings.push_back(fmt::format("{}: PostgreSQL {} has no such parameter, unless an extension brings it{}", path,
                                    server_version / 10000,
                                    meant.empty() ? "" : fmt::format(". Did you mean {}?", meant)));
}

void judge_parameter(std::string_view section, const std::string& name, const std::string& value, int server_version,
                     const wire::ServerParameters& own, Judgement& to) {
  const auto path = fmt::format("{}.{}", section, name);
  if (!is_parameter_name(name)) {
    to.errors.push_back(fmt::format("{}: {} is no name of a parameter", section, wire::dump_python(name)));
    return;
  }
  if (value.contains('\0')) {
    to.errors.push_back(path + ": holds a zero byte");
    return;
  }
  const bool judged =
      core::features::has_one_major_number(server_version) && server_version / 10000 <= parameter_table_newest;
  const Parameter* parameter = judged ? find_parameter(name, server_version) : nullptr;
  const auto* known = find(own, name);
  const auto by_server = [&](const std::string& text) {
    const auto allowed = known ? taken_instead(*known, text) : "";
    if (allowed.empty()) return;
    to.errors.push_back(
        fmt::format("{}: '{}' is no value for it, says the server that runs here; allowed: {}", path, value, allowed));
  };
  if (!parameter && known) return by_server(value);
  if (!judged || (!parameter && name.contains('.'))) return;
  if (!parameter) return judge_unknown(path, name, server_version, own, to);
  // Applies the rules for the server's file. A parameter that these rules would remove has no effect.
  std::map<std::string, std::string> one{{name, value}};
  std::vector<std::string> said;
  make_valid(one, server_version, {}, said);
  if (one.empty()) {
    const bool number = parameter->type == ParameterType::integer || parameter->type == ParameterType::real;
    const auto allowed =
        number ? fmt::format("a number from {:g} to {:g}{}", parameter->min, parameter->max, unit_of(*parameter))
        : parameter->type == ParameterType::boolean ? std::string("on, off")
                                                    : std::string(parameter->words);
    to.errors.push_back(fmt::format("{}: '{}' is no value for it; allowed: {}", path, value, allowed));
  }
  for (auto& warning : said) {
    if (!one.empty()) to.warnings.push_back(std::move(warning));
  }
  if (!one.empty()) by_server(one.begin()->second);
}

// Judges the section of recovery parameters. A parameter without an effect is a warning, because the nodes leave it
// out; a value that is not valid is an error.
void judge_recovery(const Json& config, int server_version, const wire::ServerParameters& own, Judgement& to) {
  std::map<std::string, std::string> given;
  for (const auto& item : recovery_of(config).items()) {
    const auto name = lower(item.key());
    if (const auto text = parameter_text(item.value())) given[name] = *text;
    if (const auto value = given.find(name);
        value != given.end() && is_recovery_parameter(name) && find_parameter(name, server_version)) {
      judge_parameter("postgresql.recovery_conf", name, value->second, server_version, own, to);
      given.erase(value);
    }
    const bool ours = name.starts_with("recovery_target") || name == "primary_conninfo" || name == "primary_slot_name";
    if (ours) {
      to.warnings.push_back(fmt::format("postgresql.recovery_conf.{}: has no effect, the daemon itself sets it", name));
    }
  }
  make_valid_recovery(given, server_version, to.warnings);
}

Judgement judged(const Json& config, int server_version, const wire::ServerParameters& own) {
  Judgement result;
  judge_keys(config, result);
  for (const auto& item : parameters_of(config).items()) {
    if (const auto text = parameter_text(item.value())) {
      judge_parameter("postgresql.parameters", item.key(), *text, server_version, own, result);
    }
  }
  judge_recovery(config, server_version, own, result);
  std::ranges::move(overridden_by_keys(config), std::back_inserter(result.warnings));
  return result;
}

// The entries of `all` that are not in `before`.
std::vector<std::string> news(std::vector<std::string> all, const std::vector<std::string>& before) {
  std::erase_if(all, [&](const auto& one) { return std::ranges::find(before, one) != before.end(); });
  return all;
}

// In which order servers restart for a parameter that must not be smaller on a standby than on its primary. Source:
// PostgreSQL, "Hot Standby", Administrator's Overview.
std::string order_of_restarts(const std::string& name, const std::string* before, const std::string* now) {
  constexpr auto names =
      std::to_array<std::string_view>({"max_connections", "max_locks_per_transaction", "max_prepared_transactions",
                                       "max_wal_senders", "max_worker_processes"});
  if (std::ranges::find(names, name) == names.end()) return "";
  static const std::map<std::string, std::int64_t, std::less<>> usual{{"max_connections", 100},
                                                                      {"max_locks_per_transaction", 64},
                                                                      {"max_prepared_transactions", 0},
                                                                      {"max_wal_senders", 10},
                                                                      {"max_worker_processes", 8}};
  const auto number = [&name](const std::string* text) {
    return (text ? quantity(Json::parse(*text, nullptr, false)) : std::nullopt).value_or(usual.find(name)->second);
  };
  const auto from = number(before), to = number(now);
  if (to < from) {
    return fmt::format(
        "; it is lowered from {} to {}: restart the primary first, a standby that is restarted before it "
        "keeps the greater value and waits for another restart",
        from, to);
  }
  if (to > from) {
    return fmt::format(
        "; it is raised from {} to {}: restart the standbys before the primary, as restart --rolling does", from, to);
  }
  return "";
}

std::string effect_of(const std::string& name, bool restart, const std::string* before, const std::string* now) {
  const bool recovery = is_recovery_parameter(name);
  return fmt::format("{}: {}{}", name,
                     restart && recovery ? "counts on each standby after PostgreSQL's restart there"
                     : restart           ? "counts on each node after PostgreSQL's restart there"
                     : recovery          ? "reloaded at once on standbys"
                                         : "reloaded at once, unless PostgreSQL tells of a pending restart",
                     order_of_restarts(name, before, now));
}

void add_effects(const Json& before, const Json& after, int server_version, Judgement& to) {
  const auto texts = [](const Json& config) {
    std::map<std::string, std::string> result;
    for (const auto* section : {&recovery_of(config), &parameters_of(config)}) {
      for (const auto& item : section->items()) result[lower(item.key())] = wire::dump_compact(item.value());
    }
    return result;
  };
  const auto old = texts(before), now = texts(after);
  auto changed = now;
  changed.insert(old.begin(), old.end());
  for (const auto& [name, ignored] : changed) {
    const auto a = old.find(name), b = now.find(name);
    if (a != old.end() && b != now.end() && a->second == b->second) continue;
    const bool restart = std::ranges::find(restart_names, name) != restart_names.end() ||
                         (server_version != 0 && recovery_needs_restart(name, server_version));
    to.effects.push_back(
        effect_of(name, restart, a == old.end() ? nullptr : &a->second, b == now.end() ? nullptr : &b->second));
    if (restart) to.restarts.push_back(name);
  }
}

}  // namespace

Judgement judge_change(const Json& before, const Json& after, int server_version, const wire::ServerParameters& own) {
  const auto old = judged(before, server_version, own);
  auto result = judged(after, server_version, own);
  result.errors = news(std::move(result.errors), old.errors);
  result.warnings = news(std::move(result.warnings), old.warnings);
  add_effects(before, after, server_version, result);
  return result;
}

std::vector<std::string> mistakes_in(const Json& config, int server_version) {
  auto judged = judge_change(Json::object(), config, server_version);
  auto& all = judged.errors;
  all.insert(all.end(), judged.warnings.begin(), judged.warnings.end());
  return all;
}

}  // namespace tamada::config
