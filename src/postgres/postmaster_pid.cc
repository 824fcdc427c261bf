#include "postgres/postmaster_pid.h"

#include <array>
#include <charconv>

namespace tamada::postgres {
namespace {

std::string_view stripped(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

template <class T>
bool parse(std::string_view text, T& into) {
  const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failed == std::errc() && stopped == text.data() + text.size();
}

}  // namespace

std::optional<PostmasterPid> parse_postmaster_pid(std::string_view content) {
  std::array<std::string_view, 8> lines;
  for (auto& line : lines) {
    line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(content.size(), line.size() + 1));
    line = stripped(line);
  }
  PostmasterPid result;
  if (!parse(lines[0], result.pid) || result.pid == 0) return std::nullopt;
  result.data_dir = lines[1];
  parse(lines[2], result.start_time);
  result.port = lines[3];
  result.socket_dir = lines[4];
  result.listen_address = lines[5];
  result.status = lines[7];
  return result;
}

}  // namespace tamada::postgres
