#include "ctl/reinit_progress.h"

#include <fmt/format.h>

#include "diagnosis/words.h"
#include "wire/json.h"

namespace tamada::ctl {

using diagnosis::format_bytes;

std::string reinit_progress(const Json& status) {
  const Json* copy = wire::find(status, "copy");
  if (copy == nullptr || !copy->is_object()) return "";
  const auto number = [&](const char* key) { return wire::unsigned_at(*copy, key); };
  const auto done = number("bytes_done"), total = number("bytes_total"), rate = number("bytes_per_s"),
             left = number("seconds_left");
  auto text = wire::text_at(*copy, "what");
  if (!done || *done == 0) return text;
  text += " " + format_bytes(*done);
  if (total && *total > 0) text += fmt::format(" of {} ({} %)", format_bytes(*total), *done * 100 / *total);
  if (rate && *rate > 0) text += ", " + format_bytes(*rate) + "/s";
  if (left) text += fmt::format(", {}:{:02} left", *left / 60, *left % 60);
  return text;
}

}  // namespace tamada::ctl
