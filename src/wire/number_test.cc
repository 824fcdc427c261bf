#include "wire/number.h"

#include <gtest/gtest.h>

#include <limits>
#include <tuple>
#include <vector>

namespace tamada::wire {
namespace {

TEST(Number, AsPostgreSQLReadsIt) {
  using Result = std::optional<std::int64_t>;
  const std::vector<std::tuple<const char*, const char*, Result>> cases = {
      {"1", "B", 1},
      {"10MB", "B", 10485760},
      {" 0x400 kB ", "B", 1048576},
      {"010", "B", 8},
      {"1.5GB", "B", 1610612736},
      {"0.5kB", "B", 512},
      {".5kB", "B", 512},
      {"1e3", "B", 1000},
      {"-5", "B", -5},
      {"1024KB", "B", std::nullopt},
      {"abc", "B", std::nullopt},
      {"", "B", std::nullopt},
      {"-", "B", std::nullopt},
      {"0", "B", 0},
      {"99999999999999999999", "B", std::numeric_limits<std::int64_t>::max()},
      {"2min", "s", 120},
      {"1000 ms", "s", 1},
      {"1d", "s", 86400},
      {"1MB", "s", std::nullopt},
      {"-99999999999999999999", "", std::numeric_limits<std::int64_t>::min()},
      {"2.5", "", 2},
      {"09", "", std::nullopt},
      {"08.5", "", std::nullopt},
      {"0.5e1", "", 5},
      {"0x", "", std::nullopt},
      {"0x1.8", "", std::nullopt},
      {"--5", "", std::nullopt},
      {"+7", "", 7},
      {"1e", "", std::nullopt},
      {"1e999", "", std::nullopt},
      {"nan", "", std::nullopt},
      {"infinity", "", std::nullopt},
      {"1MB", "8kB", 128},
      {"1", "8kB", 1},
      {"1MB", "nonsense", std::nullopt},
      {"1MB", "0kB", std::nullopt},
  };
  for (const auto& [text, unit, result] : cases) EXPECT_EQ(parse_whole(text, unit), result) << text;
}

}  // namespace
}  // namespace tamada::wire
