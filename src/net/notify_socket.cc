#include "net/notify_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tamada::net {

namespace {

std::string take(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::optional<long long> number(const std::string& text) {
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

NotifySocket NotifySocket::take_from_environment() {
  NotifySocket socket;
  auto address = take("NOTIFY_SOCKET");
  const auto interval_us = number(take("WATCHDOG_USEC"));
  const auto watched = take("WATCHDOG_PID");
  if (address.size() < 2 || address.size() >= sizeof(sockaddr_un::sun_path)) return socket;
  if (address[0] != '/' && address[0] != '@') return socket;
  if (address[0] == '@') address[0] = '\0';
  socket.fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  socket.address_ = std::move(address);
  const bool ours = watched.empty() || number(watched) == ::getpid();
  if (interval_us && *interval_us > 0 && ours) socket.watchdog_ = std::chrono::microseconds(*interval_us);
  return socket;
}

NotifySocket::NotifySocket(NotifySocket&& other) noexcept { *this = std::move(other); }

NotifySocket& NotifySocket::operator=(NotifySocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(address_, other.address_);
  std::swap(watchdog_, other.watchdog_);
  return *this;
}

NotifySocket::~NotifySocket() {
  if (fd_ >= 0) ::close(fd_);
}

void NotifySocket::send(std::string_view lines) {
  if (fd_ < 0) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // The length excludes the final NUL, which would be a part of an abstract name.
  ::sendto(fd_, lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size);
}

}  // namespace tamada::net
