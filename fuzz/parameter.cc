// Compares a parameter's value as the server tells it with the value in the configuration, both arbitrary. Nothing may
// crash. If neither has a unit, the comparison must give the same result with the two exchanged. A value in readable
// units must mean the same as before. The first byte chooses the type, the second the unit, the third the version; then
// each of the two values has a line.
#include "config/parameter.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "wire/number.h"

using namespace tamada;
using config::ParameterType;

namespace {

constexpr auto types =
    std::to_array<ParameterType>({ParameterType::boolean, ParameterType::integer, ParameterType::real,
                                  ParameterType::enumeration, ParameterType::text});
constexpr auto units =
    std::to_array<std::string_view>({"", "B", "kB", "8kB", "MB", "16MB", "ms", "s", "min", "us", "0kB"});

void require(bool holds) {
  if (!holds) std::abort();
}

void compare(ParameterType type, std::string_view unit, std::string_view a, std::string_view b) {
  const bool same = config::same_value(type, unit, a, b);
  if (same && type == ParameterType::text) require(a == b);
  require(config::same_value(type, "", a, b) == config::same_value(type, "", b, a));
  const auto number = wire::parse_number(a);
  const bool possible = number && std::abs(*number) < 2147483648.0;  // integers of PostgreSQL have 32 bits
  if (type == ParameterType::integer && possible)
    require(config::same_value(type, unit, a, config::readable_value(type, unit, a)));
  (void)config::readable_value(type, unit, a);
  (void)config::readable_wanted(type, unit, b);
}

// A value that was made valid must stay as it is when it is made valid again. Tried with `name` and with a name of the
// table.
void make_valid_twice(int version, std::size_t choice, std::string_view name, std::string_view value) {
  const auto table = config::parameter_table();
  std::map<std::string, std::string> parameters{{std::string(name), std::string(value)}};
  parameters.emplace(table[choice % table.size()].name, value);
  std::vector<std::string> warnings;
  config::make_valid(parameters, version, {}, warnings);
  const auto valid = parameters;
  warnings.clear();
  config::make_valid(parameters, version, {}, warnings);
  require(parameters == valid && warnings.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 3), size - 3);
  const auto a = text.substr(0, text.find('\n'));
  const auto b = a.size() == text.size() ? a : text.substr(a.size() + 1);
  compare(types[data[0] % types.size()], units[data[1] % units.size()], a, b);
  make_valid_twice((10 + data[2] % 10) * 10000, data[0] + data[1] * std::size_t{256}, a, b);
  return 0;
}
