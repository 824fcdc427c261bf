// Reads foreign JSON. No function here throws, whatever the text is.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/timelines.h"

namespace tamada::wire {

using Json = nlohmann::ordered_json;

// nullopt: it is no JSON, is larger than etcd would store, or is nested deeper than any value of ours (a recursive
// parser would run out of stack).
std::optional<Json> parse_json(std::string_view text);
// The same, and the outermost value is an object.
std::optional<Json> parse_object(std::string_view text);

// The member `key` of an object; nullptr when there is none, or `object` is no object.
const Json* find(const Json& object, std::string_view key);

// Numbers may be strings, as in Patroni's parse_int; whole floats count as integers.
std::optional<std::int64_t> to_integer(const Json& value);
std::optional<std::int64_t> integer_of(std::string_view text);
// on/off, true/false, yes/no, 1/0 in any case, as in Patroni's parse_bool.
std::optional<bool> to_bool(const Json& value);
std::optional<bool> bool_of(std::string_view text);

// The value of an object's member; the default if it is absent or of another type.
std::string text_at(const Json& object, std::string_view key);
std::optional<std::int64_t> integer_at(const Json& object, std::string_view key);
// A position or a count, which is not negative.
std::optional<std::uint64_t> unsigned_at(const Json& object, std::string_view key);

// The members `timeline` and `timeline_identity`: which timeline, and how it began. An addition to Patroni's keys.
std::optional<core::TimelineStart> timeline_at(const Json& object);
void put_timeline(Json& object, const std::optional<core::TimelineStart>& timeline);

}  // namespace tamada::wire
