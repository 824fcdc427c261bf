// Reads and writes the times of ISO 8601 in keys and requests.
#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "wire/keys.h"

namespace tamada::wire {
namespace {

using namespace std::chrono_literals;

// Reads from the beginning of a text. Each take_ function removes the part that it reads, or leaves the text unchanged.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<int> digits(std::size_t count) {
    if (text_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  // Six digits are used; further digits are below a microsecond.
  std::optional<std::chrono::microseconds> fraction() {
    std::int64_t value = 0;
    int count = 0;
    while (const auto digit = digits(1)) {
      if (count < 6) value = value * 10 + *digit;
      ++count;
    }
    if (count == 0) return std::nullopt;
    for (; count < 6; ++count) value *= 10;
    return std::chrono::microseconds(value);
  }
  void skip_blanks() {
    while (take(' ')) {
    }
  }
  bool empty() const { return text_.empty(); }
  bool take_word(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

 private:
  std::string_view text_;
};

std::optional<std::chrono::sys_days> read_date(Reader& in) {
  const auto year = in.digits(4);
  if (!year || !in.take('-')) return std::nullopt;
  const auto month = in.digits(2);
  if (!month || !in.take('-')) return std::nullopt;
  const auto day = in.digits(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year == 0) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<std::chrono::microseconds> read_clock(Reader& in) {
  const auto hour = in.digits(2);
  if (!hour || *hour > 23 || !in.take(':')) return std::nullopt;
  const auto minute = in.digits(2);
  if (!minute || *minute > 59) return std::nullopt;
  std::chrono::microseconds time = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (!in.take(':')) return time;
  const auto second = in.digits(2);
  if (!second || *second > 59) return std::nullopt;
  time += std::chrono::seconds(*second);
  if (in.take('.') || in.take(',')) {
    const auto fraction = in.fraction();
    if (!fraction) return std::nullopt;
    time += *fraction;
  }
  return time;
}

// The outer nullopt means that the text is not a zone, the inner one that there is none.
std::optional<std::optional<std::chrono::minutes>> read_zone(Reader& in) {
  in.skip_blanks();
  if (in.empty()) return std::optional<std::chrono::minutes>();
  if (in.take('Z') || in.take('z') || in.take_word("UTC") || in.take_word("GMT")) return 0min;
  const bool west = in.take('-');
  if (!west && !in.take('+')) return std::nullopt;
  const auto hours = in.digits(2);
  if (!hours || *hours > 23) return std::nullopt;
  in.take(':');
  const auto minutes = in.empty() ? 0 : in.digits(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const std::chrono::minutes offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return west ? -offset : offset;
}

}  // namespace

std::string format_iso(core::WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                          clock.minutes().count(), clock.seconds().count());
  // Python's isoformat leaves a fraction of zero out.
  if (clock.subseconds().count() != 0) text += fmt::format(".{:06}", clock.subseconds().count());
  return text + "+00:00";
}

std::optional<ParsedTime> parse_iso(std::string_view text) {
  Reader in(text);
  in.skip_blanks();
  const auto date = read_date(in);
  if (!date || !(in.take('T') || in.take('t') || in.take(' '))) return std::nullopt;
  const auto clock = read_clock(in);
  if (!clock) return std::nullopt;
  const auto zone = read_zone(in);
  in.skip_blanks();
  if (!zone || !in.empty()) return std::nullopt;
  return ParsedTime{core::WallTime(*date) + *clock - zone->value_or(0min), zone->has_value()};
}

}  // namespace tamada::wire
