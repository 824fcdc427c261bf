#include "ctl/schedule.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "ctl/session.h"
#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;

std::tm local_now(std::chrono::seconds later) {
  return fmt::localtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + later));
}

// Rewrites as ISO 8601 those forms that dateutil reads and that are not ISO 8601.
std::string as_iso(std::string text) {
  for (const std::string zone : {" UTC", " GMT", "UTC", "GMT"}) {
    if (text.ends_with(zone)) text = text.substr(0, text.size() - zone.size()) + "Z";
  }
  if (text.size() > 11 && (text[text.size() - 2] == '-' || text[text.size() - 2] == '+')) {
    text.insert(text.size() - 1, "0");  // the zone -3
  }
  const auto colon = text.find(':');
  if (colon == 1 || colon == 2) return fmt::format("{:%Y-%m-%d}T{}{}", local_now(0s), colon == 1 ? "0" : "", text);
  if (colon == text.npos && text.size() == 10) return text + "T00:00";
  return text;
}

struct Unit {
  std::string_view names;  // the names, with a blank before and after each
  std::chrono::seconds length;
};
constexpr Unit period_units[] = {{" s sec secs second seconds ", 1s},
                                 {" m min mins minute minutes ", 60s},
                                 {" h hour hours ", 3600s},
                                 {" d day days ", 86400s}};

// Replaces the day by its date: "tomorrow 03:00", "today 03:00".
std::string with_date(const std::string& text) {
  for (const auto& [word, later] : {std::pair{std::string("today"), 0s}, std::pair{std::string("tomorrow"), 86400s}}) {
    if (!text.starts_with(word)) continue;
    const auto date = fmt::format("{:%Y-%m-%d}", local_now(later));
    if (text == word) return date;
    const auto time = text.substr(word.size());
    if (time.starts_with(' ')) return date + (time.find(':') == 2 ? "T0" : "T") + time.substr(1);
  }
  return text;
}

}  // namespace

std::optional<core::Duration> parse_period(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = wire::integer_of(text.substr(0, end));
  auto unit = text.substr(end);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (!number || *number > 1'000'000 || unit.empty() || unit.contains(' ')) return std::nullopt;
  for (const auto& one : period_units) {
    if (one.names.contains(" " + std::string(unit) + " ")) return *number * one.length;
  }
  return std::nullopt;
}

core::Result<std::optional<core::WallTime>> parse_scheduled(const std::string& given) {
  if (given.empty() || given == "now") return std::nullopt;
  if (const auto period = given.starts_with("in ") ? parse_period(given.substr(3)) : std::nullopt) {
    return wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(*period);
  }
  const auto text = with_date(given);
  const auto parsed = wire::parse_iso(as_iso(text));
  if (!parsed) {
    return core::fail(fmt::format(
        "Unable to parse scheduled timestamp ({}). It should be in an unambiguous format (e.g. ISO 8601)", given));
  }
  if (parsed->has_zone) return parsed->time;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(parsed->time);
  std::tm fields = fmt::gmtime(static_cast<std::time_t>(seconds.time_since_epoch().count()));
  fields.tm_isdst = -1;
  return core::WallTime(std::chrono::seconds(std::mktime(&fields)) + (parsed->time - seconds));
}

std::string next_hour() { return fmt::format("{:%Y-%m-%dT%H:%M}", local_now(1h)); }

core::Result<void> check_pg_version(const std::string& text) {
  std::vector<std::int64_t> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('.', begin), text.size());
    const auto number = wire::integer_of(text.substr(begin, end - begin));
    if (!number) return core::fail("Invalid PostgreSQL version: " + text);
    numbers.push_back(*number);
    begin = end + 1;
  }
  if (numbers.size() < 2 || numbers.size() > 3 || (numbers.size() == 2 && numbers[0] < 10)) {
    return core::fail("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: " + text);
  }
  return {};
}

}  // namespace tamada::ctl
