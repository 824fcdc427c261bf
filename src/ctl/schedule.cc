#include "ctl/schedule.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;

std::tm local_now(std::chrono::seconds later) {
  return fmt::localtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + later));
}

// The forms that dateutil knows and ISO 8601 does not, as ISO 8601.
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

}  // namespace

core::Result<std::optional<core::WallTime>> parse_scheduled(const std::string& text) {
  if (text.empty() || text == "now") return std::nullopt;
  const auto parsed = wire::parse_iso(as_iso(text));
  if (!parsed) {
    return core::fail(fmt::format(
        "Unable to parse scheduled timestamp ({}). It should be in an unambiguous format (e.g. ISO 8601)", text));
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
