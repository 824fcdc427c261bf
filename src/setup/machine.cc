#include "setup/machine.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tamada::setup {
namespace {

constexpr int connect_timeout_ms = 2000;
using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.empty() ? nullptr : port.c_str(), &hints, &found) != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

bool connects(const addrinfo& to) {
  const int fd = ::socket(to.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  int error = ::connect(fd, to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    socklen_t size = sizeof error;
    if (::poll(&waiting, 1, connect_timeout_ms) != 1) {
      error = ETIMEDOUT;
    } else {
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  ::close(fd);
  return error == 0;
}

}  // namespace

bool answers(const std::string& host, const std::string& port) {
  const auto addresses = resolve(host, port);
  for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
    if (connects(*at)) return true;
  }
  return false;
}

std::string find_program(const std::string& folder, const std::string& name) {
  const auto runnable = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
  if (!folder.empty() || name.contains('/')) {
    const auto path = name.starts_with('/') ? name : folder + "/" + name;
    return runnable(path) ? path : "";
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    const auto candidate = std::string(rest.substr(0, colon)) + "/" + name;
    if (runnable(candidate)) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return "";
}

int major_version_of(const std::string& postgres) {
  std::string quoted = "'";
  for (const char c : postgres) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  const std::unique_ptr<FILE, int (*)(FILE*)> output(::popen((quoted + "' --version 2>/dev/null").c_str(), "r"),
                                                     ::pclose);
  char text[256] = {};
  if (!output || std::fgets(text, sizeof text, output.get()) == nullptr) return 0;
  // The text is "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", for example.
  const char* number = std::strpbrk(text, "0123456789");
  return number != nullptr ? std::atoi(number) : 0;
}

Host this_host() {
  Host host;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return host;
  host.name = name;
  const auto addresses = resolve(host.name, "");
  const addrinfo* best = nullptr;
  for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
    if (best == nullptr || (best->ai_family != AF_INET && at->ai_family == AF_INET)) best = at;
  }
  char address[NI_MAXHOST] = {};
  if (best != nullptr &&
      ::getnameinfo(best->ai_addr, best->ai_addrlen, address, sizeof address, nullptr, 0, NI_NUMERICHOST) == 0) {
    host.address = address;
  }
  return host;
}

}  // namespace tamada::setup
