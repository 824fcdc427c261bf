#include "config/dynamic.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/address.h"
#include "config/cluster_sections.h"
#include "config/effective.h"
#include "config/profile.h"
#include "config/quantity.h"
#include "config/validate.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::config {
namespace {

// Patroni's minima of ttl and retry_timeout are 20 and 3; lower ones allow a fast failover in small clusters. The
// minimum of loop_wait is Patroni's.
constexpr std::int64_t ttl_min = 3, loop_wait_min = 1, retry_timeout_min = 1;
constexpr std::int64_t seconds_max = 10 * 365 * 86'400LL;

// Reads the settings one by one. A value that is not valid gives the default and a warning.
class Reader {
 public:
  Reader(const Json& dynamic, std::vector<std::string>* warnings) : dynamic_(dynamic), warnings_(warnings) {}

  void warn(std::string text) {
    if (warnings_) warnings_->push_back(std::move(text));
  }

  // advised: the minimum that the warning names; nullopt when it is `min`.
  std::int64_t number(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max,
                      std::string_view unit = {}, std::optional<std::int64_t> advised = {}) {
    const Json* value = wire::find(dynamic_, key);
    if (!value || value->is_null()) return fallback;
    const auto number = quantity(*value, unit);
    if (number && *number >= min && *number <= max) return *number;
    warn(fmt::format("{}: {} does not fit, using {}; allowed: a whole number from {} to {}", key,
                     wire::dump_python(*value), fallback, advised.value_or(min), max));
    return fallback;
  }

  // Reads one of the three intervals. A value below the minimum becomes the minimum.
  std::int64_t interval(std::string_view key, std::int64_t fallback, std::int64_t min) {
    const auto value = number(key, fallback, -seconds_max, seconds_max, {}, min);
    if (value >= min) return value;
    warn(fmt::format("{}={} can't be smaller than {}, adjusting...", key, value, min));
    return min;
  }

  bool flag(const Json& object, std::string_view key, bool fallback) {
    const Json* value = wire::find(object, key);
    if (!value || value->is_null()) return fallback;
    if (const auto known = wire::to_bool(*value)) return *known;
    warn(fmt::format("{}: {} is no boolean, using {}; allowed: true, false", key, wire::dump_python(*value), fallback));
    return fallback;
  }
  bool flag(std::string_view key, bool fallback) { return flag(dynamic_, key, fallback); }

  // The newer name if it is set, otherwise the older one.
  std::string_view either(std::string_view key, std::string_view older) const {
    return !wire::find(dynamic_, key) && wire::find(dynamic_, older) ? older : key;
  }

 private:
  const Json& dynamic_;
  std::vector<std::string>* warnings_;
};

core::SynchronousMode synchronous_mode(const Json& dynamic, Reader& in) {
  using enum core::SynchronousMode;
  const Json* value = wire::find(dynamic, "synchronous_mode");
  if (!value || standby_cluster(dynamic)) return off;
  std::string word = value->is_string() ? value->get<std::string>() : std::string();
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  if (word == "quorum") return quorum;
  return in.flag("synchronous_mode", false) ? on : off;
}

core::PrimaryUnresponsive primary_unresponsive(const Json& dynamic, Reader& in) {
  using enum core::PrimaryUnresponsive;
  constexpr auto key = "primary_unresponsive";
  const Json* value = wire::find(dynamic, key);
  if (!value || value->is_null()) return failover;
  if (value->is_boolean() && !value->get<bool>()) return off;  // YAML reads `off` as false
  const auto word = value->is_string() ? value->get<std::string>() : std::string();
  if (word == "off") return off;
  if (word == "warn") return warn;
  if (word != "failover") {
    in.warn(fmt::format("{}: {} does not fit, using failover; allowed: off, warn, failover", key,
                        wire::dump_python(*value)));
  }
  return failover;
}

// Keeps loop_wait + 2*retry_timeout <= ttl; as in Patroni, loop_wait is reduced first.
void read_intervals(core::Settings& settings, Reader& in) {
  auto loop_wait = in.interval("loop_wait", 10, loop_wait_min);
  auto retry_timeout = in.interval("retry_timeout", 10, retry_timeout_min);
  const auto ttl = in.interval("ttl", 30, ttl_min);
  if (loop_wait_min + 2 * retry_timeout > ttl) {
    const auto shorter = (ttl - loop_wait_min) / 2;
    in.warn(fmt::format(
        "Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl={}. Adjusting loop_wait from {} to "
        "{} and retry_timeout from {} to {}",
        ttl, loop_wait, loop_wait_min, retry_timeout, shorter));
    loop_wait = loop_wait_min;
    retry_timeout = shorter;
  } else if (loop_wait + 2 * retry_timeout > ttl) {
    const auto shorter = ttl - 2 * retry_timeout;
    in.warn(
        fmt::format("Violated the rule \"loop_wait + 2*retry_timeout <= ttl\", where ttl={} and retry_timeout={}. "
                    "Adjusting loop_wait from {} to {}",
                    ttl, retry_timeout, loop_wait, shorter));
    loop_wait = shorter;
  }
  settings.ttl = std::chrono::seconds(ttl);
  settings.loop_wait = std::chrono::seconds(loop_wait);
  settings.retry_timeout = std::chrono::seconds(retry_timeout);
}

void warn_of_unknown(const Json& dynamic, std::vector<std::string>& warnings) {
  const Document document{.value = dynamic, .origins = {{"", "/config"}}};
  Problems problems;
  validate(document, dynamic_schema, Purpose::ctl, problems);
  std::ranges::move(lines_of(std::move(problems.warnings)), std::back_inserter(warnings));
}

}  // namespace

Json merge(Json base, const Json& patch) {
  if (!patch.is_object()) return patch;
  if (!base.is_object()) base = Json::object();
  for (const auto& item : patch.items()) {
    if (item.value().is_null()) {
      base.erase(item.key());
    } else if (item.value().is_object()) {
      const bool both = base.contains(item.key()) && base[item.key()].is_object();
      // As in Patroni, a new key is taken as it is, with nulls inside it.
      base[item.key()] = both ? merge(std::move(base[item.key()]), item.value()) : item.value();
    } else {
      base[item.key()] = item.value();
    }
  }
  return base;
}

std::optional<std::string> parameter_text(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return wire::python_float(value.get<double>());
  if (value.is_number()) return wire::dump_compact(value);
  return std::nullopt;
}

core::Result<Json> parse_dynamic(const std::string& text) {
  auto value = wire::parse_object(text);
  if (!value) return core::fail("the dynamic configuration is no JSON object");
  return std::move(*value);
}

std::string Postgresql::url(const std::string& address) const {
  return address.empty() ? std::string() : fmt::format("postgres://{}/{}", address, database);
}

core::Settings settings(const Local& local, const Json& given, std::vector<std::string>* warnings) {
  const Json dynamic = with_profile(given);
  constexpr std::int64_t bytes_max = std::int64_t{1} << 50;
  Reader in(dynamic, warnings);
  if (warnings) warn_of_unknown(dynamic, *warnings);
  core::Settings result;
  read_intervals(result, in);
  const auto seconds = [&](std::string_view key, std::int64_t fallback, std::string_view unit = {}) -> core::Duration {
    return std::chrono::seconds(in.number(key, fallback, 0, seconds_max, unit));
  };
  result.maximum_lag_on_failover = static_cast<core::Lsn>(in.number("maximum_lag_on_failover", 1048576, 0, bytes_max));
  result.primary_start_timeout = seconds(in.either("primary_start_timeout", "master_start_timeout"), 300);
  result.primary_stop_timeout = seconds(in.either("primary_stop_timeout", "master_stop_timeout"), 0);
  result.primary_unresponsive = primary_unresponsive(dynamic, in);
  result.primary_race_backoff = seconds("primary_race_backoff", 0);
  result.member_slots_ttl = seconds("member_slots_ttl", 1800, "s");
  result.max_timelines_history = static_cast<int>(in.number("max_timelines_history", 0, 0, 1'000'000));
  result.pause = in.flag("pause", false);
  result.failsafe_mode = in.flag("failsafe_mode", false);
  result.check_timeline = in.flag("check_timeline", false);
  result.synchronous_mode = synchronous_mode(dynamic, in);
  result.synchronous_mode_strict = in.flag("synchronous_mode_strict", false);
  result.synchronous_node_count = static_cast<int>(in.number("synchronous_node_count", 1, 1, 1'000));
  result.maximum_lag_on_syncnode = in.number("maximum_lag_on_syncnode", -1, -1, bytes_max);
  result.slots = permanent_slots(dynamic, warnings);
  result.ignore_slots = ignored_slots(dynamic);
  result.standby_cluster = standby_cluster(dynamic);

  const Json* found = wire::find(dynamic, "postgresql");
  const Json postgresql = found && found->is_object() ? *found : Json::object();
  result.use_slots = in.flag(postgresql, "use_slots", true);
  const auto local_first = [&](const std::optional<bool>& here, std::string_view key) {
    return here ? *here : in.flag(postgresql, key, false);
  };
  const auto& own = local.postgresql;
  result.use_pg_rewind = local_first(own.use_pg_rewind, "use_pg_rewind");
  result.remove_data_directory_on_rewind_failure =
      local_first(own.remove_data_directory_on_rewind_failure, "remove_data_directory_on_rewind_failure");
  result.remove_data_directory_on_diverged_timelines =
      local_first(own.remove_data_directory_on_diverged_timelines, "remove_data_directory_on_diverged_timelines");

  const auto& methods =
      result.standby_cluster ? result.standby_cluster->create_replica_methods : own.create_replica_methods;
  result.replica_without_leader = std::ranges::any_of(methods, [&own](const std::string& name) {
    const auto method = own.replica_methods.find(name);
    return method != own.replica_methods.end() && method->second.no_leader;
  });

  result.may_bootstrap = local.bootstrap.present;
  result.custom_bootstrap = local.bootstrap.method.has_value();
  result.tags = local.tags;
  result.api_url = local.restapi.url();
  result.conn_url = own.url(host_and_port(own.connect_host, own.connect_port));
  result.proxy_url = own.url(own.proxy_address);
  return result;
}

}  // namespace tamada::config
