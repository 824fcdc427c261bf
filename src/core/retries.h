// What has failed and is tried again: with growing pauses, even if every decision asks for it.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "core/types.h"

namespace tamada::core {

struct Retry {
  int failures = 0;  // in a row
  Instant not_before{};
  std::string error;  // of the last failure
};

// The error of a server that came up and ended soon after.
inline constexpr std::string_view ended_soon_after_start = "postgres ended soon after its start; its log says why";

// The pause after the n-th failure in a row: 1, 2, 4 ... 60 s.
inline Duration retry_pause(int failures) {
  return std::min<Duration>(60s, 1s * (1 << std::clamp(failures - 1, 0, 6)));
}

inline void note_failure(Retry& retry, Instant now, std::string error) {
  ++retry.failures;
  retry.not_before = now + retry_pause(retry.failures);
  retry.error = std::move(error);
}

// Of short actions, by their description: "following n1".
using Retries = std::map<std::string, Retry>;

}  // namespace tamada::core
