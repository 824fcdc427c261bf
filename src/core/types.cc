#include "core/types.h"

#include <charconv>

namespace tamada::core {

std::string format_lsn(Lsn lsn) {
  char text[32];
  auto* end = std::to_chars(text, text + sizeof text, lsn >> 32, 16).ptr;
  *end++ = '/';
  end = std::to_chars(end, text + sizeof text, lsn & 0xffffffffu, 16).ptr;
  for (auto* p = text; p != end; ++p) {
    if (*p >= 'a') *p = static_cast<char>(*p - 'a' + 'A');
  }
  return {text, end};
}

std::optional<Lsn> parse_lsn(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto half = [](std::string_view digits) -> std::optional<std::uint32_t> {
    std::uint32_t value = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (ec != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  const auto high = half(text.substr(0, slash));
  const auto low = half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return (Lsn{*high} << 32) | *low;
}

}  // namespace tamada::core
