#include "wire/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace tamada::wire {
namespace {

constexpr std::size_t text_size_max = 8 << 20;
constexpr int depth_max = 64;

bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

std::optional<Json> parse_json(std::string_view text) {
  if (text.size() > text_size_max || too_deep(text)) return std::nullopt;
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

std::optional<Json> parse_object(std::string_view text) {
  auto value = parse_json(text);
  if (value && !value->is_object()) return std::nullopt;
  return value;
}

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  for (const auto& item : object.items()) {
    if (item.key() == key) return &item.value();
  }
  return nullptr;
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> to_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (!std::isfinite(number) || std::fabs(number) > 9e18) return std::nullopt;
    return std::llrint(number);
  }
  if (value.is_string()) return integer_of(value.get_ref<const std::string&>());
  return std::nullopt;
}

std::optional<bool> bool_of(std::string_view text) {
  std::string lower(trimmed(text));
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
  if (lower == "on" || lower == "true" || lower == "yes" || lower == "1") return true;
  if (lower == "off" || lower == "false" || lower == "no" || lower == "0") return false;
  return std::nullopt;
}

std::optional<bool> to_bool(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return bool_of(value.get_ref<const std::string&>());
  if (const auto number = to_integer(value); number && (*number == 0 || *number == 1)) return *number == 1;
  return std::nullopt;
}

std::string text_at(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<std::int64_t> integer_at(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value ? to_integer(*value) : std::nullopt;
}

std::optional<std::uint64_t> unsigned_at(const Json& object, std::string_view key) {
  const auto number = integer_at(object, key);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::optional<core::TimelineStart> timeline_at(const Json& object) {
  const auto number = unsigned_at(object, "timeline").value_or(0);
  if (number > std::numeric_limits<core::Timeline>::max()) return std::nullopt;
  return core::parse_start(static_cast<core::Timeline>(number), text_at(object, "timeline_identity"));
}

void put_timeline(Json& object, const std::optional<core::TimelineStart>& timeline) {
  if (!timeline || timeline->timeline == 0) return;
  object["timeline"] = timeline->timeline;
  if (timeline->timeline > 1) object["timeline_identity"] = core::format_start(*timeline);
}

}  // namespace tamada::wire
