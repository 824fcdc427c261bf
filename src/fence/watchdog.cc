#include "fence/watchdog.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/log.h"

namespace tamada::fence {

using core::fail;
using core::Result;

class Watchdog::Device {
 public:
  static Result<std::unique_ptr<Device>> open(const WatchdogOptions& options) {
    const int fd = ::open(options.device.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail(fmt::format("Can't open watchdog device {}: {}", options.device, std::strerror(errno)));
    auto device = std::unique_ptr<Device>(new Device(fd, options));
    if (!options.testing && ioctl(fd, WDIOC_GETSUPPORT, &device->info_) != 0) {
      return fail(
          fmt::format("Could not get information about watchdog device {}: {}", options.device, std::strerror(errno)));
    }
    return device;
  }

  ~Device() {
    [[maybe_unused]] const auto written = write(fd_, "V", 1);  // the magic close: disarm
    ::close(fd_);
  }

  Result<void> ping() {
    if (write(fd_, "1", 1) != 1)
      return fail(fmt::format("Could not send watchdog keepalive: {}", std::strerror(errno)));
    return {};
  }

  // Sets the timeout, and returns the one that the device has afterwards.
  Result<int> set_timeout(int seconds) {
    if (seconds < 1 || seconds >= 0xffff) {
      return fail(fmt::format("Invalid timeout {}. Supported values are between 1 and 65535", seconds));
    }
    if (testing_) {
      const auto text = fmt::format("Ctimeout={}\n", seconds);
      if (write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return fail(fmt::format("Could not set timeout on watchdog device: {}", std::strerror(errno)));
      }
      return seconds;
    }
    if ((info_.options & WDIOF_SETTIMEOUT) != 0 && ioctl(fd_, WDIOC_SETTIMEOUT, &seconds) != 0) {
      return fail(fmt::format("Could not set timeout on watchdog device: {}", std::strerror(errno)));
    }
    int actual = 0;
    if (ioctl(fd_, WDIOC_GETTIMEOUT, &actual) != 0) {
      return fail(fmt::format("Could not get timeout on watchdog device: {}", std::strerror(errno)));
    }
    return actual;
  }

  bool can_be_disabled() const { return testing_ || (info_.options & WDIOF_MAGICCLOSE) != 0; }
  std::string describe() const {
    const std::string identity = testing_ ? "Watchdog test harness" : reinterpret_cast<const char*>(info_.identity);
    return identity + (path_ == "/dev/watchdog" ? "" : " at " + path_);
  }

 private:
  Device(int fd, const WatchdogOptions& options) : fd_(fd), testing_(options.testing), path_(options.device) {}
  int fd_;
  bool testing_;
  std::string path_;
  watchdog_info info_{};
};

namespace {

int whole_seconds(core::Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

}  // namespace

Watchdog::Watchdog(WatchdogOptions options) : options_(std::move(options)) {}

// The destructor does not close the device. If the process ends with the device open and without the magic close, the
// machine is reset, as it should be after a crash.
Watchdog::~Watchdog() = default;

void Watchdog::configure(WatchdogOptions options) {
  if (options == options_) return;
  if (options.device != options_.device || options.testing != options_.testing ||
      options.mode == WatchdogOptions::Mode::off) {
    close();
  }
  options_ = std::move(options);
  trouble_.clear();
  failed_until_ = {};
}

int Watchdog::timeout_s(const Order& order) const {
  const int ttl = whole_seconds(order.ttl);
  return options_.safety_margin_s == -1 ? ttl / 2 : ttl - options_.safety_margin_s;
}

void Watchdog::keep(const Order& order) {
  if (options_.mode == WatchdogOptions::Mode::off) return;
  if (!order.until) {
    close();
    return;
  }
  if (!device_) {
    if (!trouble_.empty() && *order.until <= failed_until_) return;
    activate(order);
    if (!device_) failed_until_ = *order.until + order.loop_wait;
  } else if (timeout_s(order) != timeout_s_ && settle_timeout(order)) {
    log::info("{} updated with {} second timeout", device_->describe(), timeout_s_);
  }
  if (device_ && pinged_for_ != order.until) ping(order);
}

void Watchdog::failed(std::string why) {
  // In automatic mode a machine without a device is normal, so nothing is logged.
  if (options_.mode == WatchdogOptions::Mode::required) {
    log::error("Configuration requires watchdog, but watchdog could not be activated: {}", why);
  } else {
    log::debug("watchdog not in use: {}", why);
  }
  trouble_ = std::move(why);
}

void Watchdog::activate(const Order& order) {
  const int slack = timeout_s(order) - whole_seconds(order.loop_wait);
  if (slack < 0) {
    return failed(fmt::format("leader TTL {} is too short for loop_wait {} and the safety margin",
                              whole_seconds(order.ttl), whole_seconds(order.loop_wait)));
  }
  auto opened = Device::open(options_);
  if (!opened) return failed(opened.error().what);
  device_ = std::move(*opened);
  if (!device_->can_be_disabled()) {
    log::warning("Watchdog implementation can't be disabled. Watchdog will trigger after Patroni loses leader key.");
  }
  trouble_.clear();
  pinged_for_.reset();
  if (settle_timeout(order)) {
    log::info("{} activated with {} second timeout, timing slack {} seconds", device_->describe(), timeout_s_, slack);
  }
}

// Handles devices that choose their own timeout. A timeout that is too long protects less; one that is too short would
// reset a healthy machine.
bool Watchdog::settle_timeout(const Order& order) {
  const int wanted = timeout_s(order);
  const auto actual = device_->set_timeout(wanted);
  std::string problem;
  if (!actual) {
    problem = actual.error().what;
  } else if (*actual < whole_seconds(order.loop_wait)) {
    problem = fmt::format("loop_wait of {} seconds is too long for watchdog {} second timeout",
                          whole_seconds(order.loop_wait), *actual);
  } else if (*actual > wanted && options_.mode == WatchdogOptions::Mode::required) {
    problem =
        fmt::format("a safe watchdog timeout {} could not be configured. Watchdog timeout is {}.", wanted, *actual);
  } else if (*actual > wanted) {
    log::warning("Watchdog timeout {} seconds does not ensure safe termination within {} seconds", *actual, wanted);
  }
  timeout_s_ = wanted;
  if (problem.empty()) return true;
  close();
  failed(std::move(problem));
  return false;
}

void Watchdog::ping(const Order& order) {
  if (const auto sent = device_->ping(); !sent) {
    log::error("Error while sending keepalive: {}", sent.error().what);
    return;
  }
  pinged_for_ = order.until;
}

void Watchdog::close() {
  if (!device_) return;
  if (!device_->can_be_disabled()) {
    [[maybe_unused]] const auto more_time = device_->ping();
    log::warning(
        "Watchdog implementation can't be disabled. System will reboot after {} seconds when watchdog times out.",
        timeout_s_);
  }
  device_.reset();
  pinged_for_.reset();
}

core::FenceView Watchdog::view() const {
  if (options_.mode != WatchdogOptions::Mode::required || device_) return {};
  if (!trouble_.empty()) return {.usable = false, .trouble = trouble_};
  if (access(options_.device.c_str(), W_OK) == 0) return {};
  return {.usable = false, .trouble = fmt::format("{}: {}", options_.device, std::strerror(errno))};
}

}  // namespace tamada::fence
