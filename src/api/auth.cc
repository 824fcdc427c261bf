#include "api/auth.h"

#include <algorithm>
#include <cstdint>

namespace tamada::api {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) {
      const bool padding = i + j > bytes.size();
      out += padding ? '=' : digits[group >> (18 - 6 * j) & 63U];
    }
  }
  return out;
}

// The comparison takes equally long whichever byte differs, so that the time of an answer does not tell how much of a
// guessed password was right.
bool same_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0;
}

}  // namespace

std::optional<std::string> authentication_failure(const std::string* header, std::string_view username,
                                                  std::string_view password) {
  if (username.empty() && password.empty()) return std::nullopt;
  if (!header) return "no auth header received";
  // RFC 9110: the scheme's case does not matter.
  constexpr std::string_view scheme = "basic ";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const bool is_basic =
      header->size() >= scheme.size() && std::ranges::equal(header->substr(0, scheme.size()), scheme, {}, lower);
  const auto key = base64(std::string(username) + ":" + std::string(password));
  if (is_basic && same_in_constant_time(header->substr(scheme.size()), key)) return std::nullopt;
  return "not authenticated";
}

}  // namespace tamada::api
