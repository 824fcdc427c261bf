#include "net/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>

namespace tamada::net {

std::optional<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  std::array<char, 8192> chunk;
  ssize_t size = 0;
  while ((size = ::read(fd, chunk.data(), chunk.size())) > 0) text.append(chunk.data(), static_cast<std::size_t>(size));
  ::close(fd);
  if (size < 0) return std::nullopt;
  return text;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> result;
  std::error_code error;
  // A range-based for would throw if the folder is removed while it is read.
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    result.push_back(at->path().filename().string());
  }
  return result;
}

std::string shared_memory_name(std::string_view purpose, std::string_view data_dir) {
  std::uint64_t hash = 14695981039346656037U;  // 64-bit FNV-1a
  for (const unsigned char c : data_dir) hash = (hash ^ c) * 1099511628211U;
  return fmt::format("/{}.{}.{:016x}", purpose, getuid(), hash);
}

}  // namespace tamada::net
