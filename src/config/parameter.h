// PostgreSQL's parameters and their values: what each major version knows, whether two spellings mean the same, and
// what a server would refuse to start with.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::config {

enum class ParameterType { boolean, integer, real, enumeration, text };

struct Parameter {
  std::string_view name;
  int since = 0, until = 0;  // major versions, until excluded; 0: no limit
  ParameterType type = ParameterType::text;
  std::string_view unit = {};   // that a number without one counts in: "8kB", "ms"; empty: none
  double min = 0, max = 0;      // of numbers, in that unit
  std::string_view words = {};  // of an enumeration, separated by blanks
};

inline constexpr int parameter_table_newest = 18;  // the last major version that the table covers
std::span<const Parameter> parameter_table();
// By the version number of the server, 150002; the case of the name does not matter. nullptr: that version has none.
const Parameter* find_parameter(std::string_view name, int server_version);

// The words of pg_settings.vartype: "bool", "integer" ...
ParameterType parameter_type(std::string_view vartype);

std::optional<bool> parse_boolean(std::string_view text);  // unique beginnings too: "t", "of"

// Whether the server would make the same of `wanted`, as the configuration spells it, and of `setting`, as
// pg_settings.setting says it: a number in `unit`.
bool same_value(ParameterType type, std::string_view unit, std::string_view setting, std::string_view wanted);

// A setting for people: "16384" of unit 8kB is "128MB"; the largest unit that loses nothing.
std::string readable_value(ParameterType type, std::string_view unit, std::string_view setting);
// The same of a value as the configuration spells it: "131072kB" is "128MB".
std::string readable_wanted(ParameterType type, std::string_view unit, std::string_view wanted);

// What a line of postgresql.conf can give a value to: one word, or two of them with a dot between. The words that
// include other files there are none.
bool is_parameter_name(std::string_view name);

// Takes out what a server of this version would refuse to start with, and moves what is out of range to its border;
// one warning each. Names with a dot belong to extensions and stay. known: names, in lower case, that the server itself
// knows beside the table's. section: where they stand, for the warnings.
void make_valid(std::map<std::string, std::string>& parameters, int server_version, const std::set<std::string>& known,
                std::vector<std::string>& warnings, std::string_view section = "postgresql.parameters");

// In lower case as PostgreSQL compares names: bytes beyond ASCII stay as they are.
std::string lower(std::string_view text);

}  // namespace tamada::config
