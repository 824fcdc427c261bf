// Numbers with units, as PostgreSQL spells the values of its parameters and Patroni those of its settings and requests:
// "0x10", "1.5GB", " 128 MB ", "10min".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tamada::wire {

struct Scale {
  std::string_view unit;
  double factor;  // in bytes or milliseconds
};
struct BaseUnit {
  std::span<const Scale> scales;  // the units of the same kind, the largest first
  double factor = 0;              // the size of one such unit: 8192 for "8kB"
};
// `unit` is "8kB", "ms" and so on. nullopt when PostgreSQL has no such unit.
std::optional<BaseUnit> base_unit(std::string_view unit);

// The number, converted to `unit`. A number without a unit is taken to be in `unit`. nullopt when it is not a number,
// or when its unit does not fit.
std::optional<double> parse_number(std::string_view text, std::string_view unit = {});
// Rounded half to even, as Patroni does; a value beyond 64 bits becomes the largest or smallest integer.
std::optional<std::int64_t> parse_whole(std::string_view text, std::string_view unit = {});

}  // namespace tamada::wire
