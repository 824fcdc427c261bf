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
  int since = 0, until = 0;  // major versions, without `until` itself; 0 when there is no limit
  ParameterType type = ParameterType::text;
  std::string_view unit = {};   // the unit of a number that is written without one: "8kB", "ms"; empty when it has none
  double min = 0, max = 0;      // the range of a number, in that unit
  std::string_view words = {};  // of an enumeration: "on, off"; a word may contain blanks
};

inline constexpr int parameter_table_newest = 18;  // the last major version that the table covers
std::span<const Parameter> parameter_table();
// server_version is such as 150002; the case of the name does not matter. nullptr when that version has no such
// parameter.
const Parameter* find_parameter(std::string_view name, int server_version);

// Reads the words of pg_settings.vartype: "bool", "integer" ...
ParameterType parameter_type(std::string_view vartype);

std::optional<bool> parse_boolean(std::string_view text);  // also unique abbreviations: "t", "of"

// Whether `wanted`, as written in the configuration, and `setting`, a number in `unit` as in pg_settings.setting, are
// the same value for the server.
bool same_value(ParameterType type, std::string_view unit, std::string_view setting, std::string_view wanted);

// A setting as people write it, with the largest unit that needs no fraction: "16384" of unit 8kB is "128MB".
std::string readable_value(ParameterType type, std::string_view unit, std::string_view setting);
// The same for a value as the configuration spells it: "131072kB" is "128MB".
std::string readable_wanted(ParameterType type, std::string_view unit, std::string_view wanted);

// Whether a line of postgresql.conf can set this name: one word, or two with a dot between them. The words that include
// other files are not names.
bool is_parameter_name(std::string_view name);

// Removes parameters with which a server of this version would refuse to start, and limits values that are out of
// range, with a warning for each. Names with a dot belong to extensions and stay. known: names, in lower case, that the
// server itself knows besides those of the table. section: the name of the section, for the warnings.
void make_valid(std::map<std::string, std::string>& parameters, int server_version, const std::set<std::string>& known,
                std::vector<std::string>& warnings, std::string_view section = "postgresql.parameters");

// The text in lower case, as PostgreSQL compares names; bytes beyond ASCII stay as they are.
std::string lower(std::string_view text);

}  // namespace tamada::config
