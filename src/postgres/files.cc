#include "postgres/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tamada::postgres {
namespace {

std::unexpected<core::Error> failed(const char* what, const std::string& path) {
  return core::fail(std::string(what) + " " + path + ": " + std::strerror(errno));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

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

core::Result<void> write_file(const std::string& path, std::string_view text, mode_t mode) {
  const std::string temporary = path + ".tamada_tmp";
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return failed("cannot create", temporary);
  const bool written = ::fchmod(fd, mode) == 0 && write_all(fd, text);
  const bool closed = ::close(fd) == 0;
  if (!written || !closed || ::rename(temporary.c_str(), path.c_str()) != 0) {
    auto error = failed("cannot write", path);
    ::unlink(temporary.c_str());
    return error;
  }
  return {};
}

core::Result<bool> write_if_changed(const std::string& path, std::string_view text, mode_t mode) {
  if (const auto now = read_file(path); now && *now == text) return false;
  if (auto written = write_file(path, text, mode); !written) return std::unexpected(written.error());
  return true;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

core::Result<void> remove_if_exists(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("cannot remove", path);
  return {};
}

}  // namespace tamada::postgres
