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

std::string folder_of(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

core::Result<void> write_file(const std::string& path, std::string_view text, mode_t mode) {
  const std::string temporary = path + ".tamada_tmp";
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return failed("cannot create", temporary);
  const bool written = ::fchmod(fd, mode) == 0 && write_all(fd, text) && ::fsync(fd) == 0;
  auto error = failed("cannot write", path);  // the text describes the first of these calls that fails
  const bool closed = ::close(fd) == 0;
  if (written && !closed) error = failed("cannot write", path);
  if (!written || !closed) {
    ::unlink(temporary.c_str());
    return error;
  }
  auto renamed = rename_path(temporary, path);
  if (!renamed) ::unlink(temporary.c_str());
  return renamed;
}

core::Result<bool> write_if_changed(const std::string& path, std::string_view text, mode_t mode) {
  if (const auto now = read_file(path); now && *now == text) return false;
  if (auto written = write_file(path, text, mode); !written) return std::unexpected(written.error());
  return true;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

core::Result<void> remove_if_exists(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return flush_entry(path);
  if (errno == ENOENT) return {};
  return failed("cannot remove", path);
}

core::Result<void> rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed(("cannot rename " + from + " to").c_str(), to);
  if (auto there = flush_entry(to); !there) return there;
  return folder_of(from) == folder_of(to) ? core::Result<void>() : flush_entry(from);
}

core::Result<void> flush_to_disk(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("cannot open", path);
  const bool flushed = ::fsync(fd) == 0;
  auto error = failed("cannot flush to disk", path);
  ::close(fd);
  return flushed ? core::Result<void>() : error;
}

// As in PostgreSQL (fsync_fname_ext), it is no error if the directory cannot be read, or if its file system cannot
// flush directories.
core::Result<void> flush_entry(const std::string& path) {
  const auto folder = folder_of(path);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES ? core::Result<void>() : failed("cannot open", folder);
  const bool flushed = ::fsync(fd) == 0 || errno == EBADF || errno == EINVAL;
  auto error = failed("cannot flush to disk", folder);
  ::close(fd);
  return flushed ? core::Result<void>() : error;
}

core::Result<void> touch(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failed("cannot create", path);
  ::close(fd);
  return {};
}

}  // namespace tamada::postgres
