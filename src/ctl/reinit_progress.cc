#include "ctl/reinit_progress.h"

#include <fmt/format.h>

#include <array>

#include "wire/json.h"

namespace tamada::ctl {

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array units = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string reinit_progress(const Json&) { return ""; }

}  // namespace tamada::ctl
