#include "net/log.h"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

namespace tamada::log {
namespace {

constexpr std::size_t queue_lines_max = 512;
constexpr auto stop_timeout = std::chrono::seconds(2);

void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody is left to be told
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Not stdio: exit() waits for the lock of a stream that a writer is stuck in.
class StdoutSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_all(STDOUT_FILENO, {message.payload.data(), message.payload.size()});
  }
  void flush_() override {}
};

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO";
    case Level::warning:
      return "WARNING";
    case Level::error:
      return "ERROR";
    case Level::critical:
      return "CRITICAL";
  }
  return "INFO";
}

std::string line(Level level, std::string_view text) {
  using namespace std::chrono;
  auto now = system_clock::now();
  auto second = system_clock::to_time_t(now);
  auto ms = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  tm local{};
  ::localtime_r(&second, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03} {}: {}\n", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, ms, name(level), text);
}

struct Output {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

// The log is the process's, as its stdout is: the one place where a global is what is meant.
std::mutex output_lock;
Output output;
std::function<void(Level, std::string_view)> output_receiver;
std::atomic<Level> least_level = Level::info;

}  // namespace

void set_level(Level least) { least_level = least; }

void redirect(std::function<void(Level, std::string_view)> receiver) { output_receiver = std::move(receiver); }

void start(Level least) {
  set_level(least);
  std::lock_guard lock(output_lock);
  if (output.logger) return;
  output.pool = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1);
  output.logger = std::make_shared<spdlog::async_logger>("tamada", std::make_shared<StdoutSink>(), output.pool,
                                                         spdlog::async_overflow_policy::overrun_oldest);
  output.logger->set_level(spdlog::level::trace);
}

void stop() {
  Output ended;
  {
    std::lock_guard lock(output_lock);
    std::swap(ended, output);
  }
  if (!ended.pool) return;
  // The pool's end waits for its writer. A reader of our stdout that has stopped reading must not keep us from exiting.
  auto written = std::make_shared<std::promise<void>>();
  auto done = written->get_future();
  std::thread([ended = std::move(ended), written]() mutable {
    ended.logger.reset();
    ended.pool.reset();
    written->set_value();
  }).detach();
  done.wait_for(stop_timeout);
}

void write(Level level, std::string_view text) {
  if (level < least_level) return;
  if (output_receiver) return output_receiver(level, text);
  auto whole = line(level, text);
  std::lock_guard lock(output_lock);
  if (output.logger) {
    output.logger->log(spdlog::level::info, spdlog::string_view_t(whole));
  } else {
    write_all(STDERR_FILENO, whole);
  }
}

}  // namespace tamada::log
