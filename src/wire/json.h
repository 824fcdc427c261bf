// Reads JSON from other programs. No function here throws, whatever the text is.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/timelines.h"

namespace tamada::wire {

using Json = nlohmann::ordered_json;

// nullopt when it is not JSON, is larger than etcd would store, or is nested deeper than any of our values, because a
// recursive parser would run out of stack.
std::optional<Json> parse_json(std::string_view text);
// The same, but the outermost value must be an object.
std::optional<Json> parse_object(std::string_view text);

// The member `key` of an object; nullptr when there is none, or when `object` is not an object.
const Json* find(const Json& object, std::string_view key);

// As in Patroni's parse_int, a string may contain the number, and a float without a fraction counts as an integer.
std::optional<std::int64_t> to_integer(const Json& value);
std::optional<std::int64_t> integer_of(std::string_view text);
// As in Patroni's parse_bool: on/off, true/false, yes/no, 1/0 in upper or lower case.
std::optional<bool> to_bool(const Json& value);
std::optional<bool> bool_of(std::string_view text);

// The value of an object's member; the default if it is absent or of another type.
std::string text_at(const Json& object, std::string_view key);
std::optional<std::int64_t> integer_at(const Json& object, std::string_view key);
// A position or a count, which cannot be negative.
std::optional<std::uint64_t> unsigned_at(const Json& object, std::string_view key);

// The members `timeline` and `timeline_identity`: the timeline, and how it began. An addition to Patroni's keys.
std::optional<core::TimelineStart> timeline_at(const Json& object);
void put_timeline(Json& object, const std::optional<core::TimelineStart>& timeline);

}  // namespace tamada::wire
