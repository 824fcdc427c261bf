#include "net/log.h"

#include <fcntl.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

namespace tamada::log {
namespace {

constexpr auto stop_timeout = std::chrono::seconds(2);

void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the line is lost, since stderr itself cannot be written
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Writes without stdio, because exit() would wait for the lock of a stream in which a writer is stuck.
class StdoutSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_all(STDOUT_FILENO, {message.payload.data(), message.payload.size()});
  }
  void flush_() override {}
};

// Names and rotates the files as Python's RotatingFileHandler does: patroni.log, patroni.log.1 and so on.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  FileSink(std::string path, std::optional<int> mode, int files_max, std::int64_t size_max)
      : path_(std::move(path)), mode_(mode), files_max_(files_max), size_max_(size_max) {}
  ~FileSink() override { close(); }

  core::Result<void> open() {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode_.value_or(0666));
    if (fd_ < 0) return core::fail(fmt::format("{}: {}", path_, std::strerror(errno)));
    if (mode_) ::fchmod(fd_, static_cast<mode_t>(*mode_));
    struct stat status{};
    const bool known = ::fstat(fd_, &status) == 0;
    size_ = known ? status.st_size : 0;
    inode_ = known ? status.st_ino : 0;
    return {};
  }

  // Whether this sink already writes to the file that the options name. Then it is kept, because two sinks that rotate
  // one file would disturb each other. It takes no lock, because a stuck writer may hold the lock.
  bool serves(const Options& options) const {
    struct stat status{};
    return options.file == path_ && options.mode == mode_ && options.files_max == files_max_ &&
           options.file_size == size_max_ && ::stat(path_.c_str(), &status) == 0 && status.st_ino == inode_;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const auto length = static_cast<std::int64_t>(text.size());
    if (size_max_ > 0 && files_max_ > 0 && size_ > 0 && size_ + length >= size_max_) rotate();
    if (fd_ < 0 && !open()) return;  // opening the file is tried again with the next line
    write_all(fd_, text);
    size_ += length;
  }
  void flush_() override {}

 private:
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void rotate() {
    close();
    const auto numbered = [this](int number) { return fmt::format("{}.{}", path_, number); };
    for (int number = files_max_ - 1; number > 0; --number) {
      std::rename(numbered(number).c_str(), numbered(number + 1).c_str());
    }
    std::rename(path_.c_str(), numbered(1).c_str());
  }

  std::string path_;
  std::optional<int> mode_;
  int files_max_;
  std::int64_t size_max_;
  int fd_ = -1;
  std::int64_t size_ = 0;
  std::atomic<ino_t> inode_ = 0;
};

std::string patroni_line(const Record& record) {
  using namespace std::chrono;
  const auto second = system_clock::to_time_t(record.at);
  const auto ms = duration_cast<milliseconds>(record.at.time_since_epoch()).count() % 1000;
  tm local{};
  ::localtime_r(&second, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03} {}: {}", local.tm_year + 1900, local.tm_mon + 1,
                     local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, ms, name_of(record.level), record.text);
}

struct Output {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  std::shared_ptr<FileSink> file;  // of the logger; null when it writes to stdout
  Options options;
  std::string last_heartbeat;
};

// The log belongs to the process, as its stdout does. This is the only place where a global variable is intended.
std::mutex output_lock;
Output output;
std::function<void(Level, std::string_view)> output_receiver;
std::atomic<Level> least_level = Level::info;
std::atomic<bool> has_parts = false;

// The level for a part of the program: that of the longest configured name that is the part's name or a parent of it,
// as in Python's logging.
Level least_of(const Options& options, const std::source_location& where) {
  const auto name = options.part_of(where);
  Level least = options.least;
  std::size_t longest = 0;
  for (const auto& [part, level] : options.parts) {
    const bool is_around = name.starts_with(part) && (name.size() == part.size() || name[part.size()] == '.');
    if (!is_around || part.size() < longest) continue;
    longest = part.size();
    least = level;
  }
  return least;
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

// Keeps texts from outside from looking like new lines of the log or moving a terminal's cursor. As in PostgreSQL's
// log, the further lines of a message begin with a tab.
std::string with_marked_lines(std::string_view text) {
  std::string out;
  while (text.ends_with('\n')) text.remove_suffix(1);
  for (const char c : text) {
    if (c == '\n') {
      out += "\n\t";
    } else if (is_control(c)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

bool is_heartbeat(std::string_view text) {
  return text.starts_with("no action. ") || text.starts_with("PAUSE: no action");
}

std::shared_ptr<spdlog::async_logger> logger_to(std::shared_ptr<spdlog::sinks::sink> sink) {
  auto logger = std::make_shared<spdlog::async_logger>("tamada", std::move(sink), output.pool,
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog::level::trace);
  return logger;
}

}  // namespace

std::string_view name_of(Level level) {
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

void set_level(Level least) { least_level = least; }

void redirect(std::function<void(Level, std::string_view)> receiver) { output_receiver = std::move(receiver); }

void start(Level least, std::size_t queue_lines) {
  set_level(least);
  std::lock_guard lock(output_lock);
  if (output.logger) return;
  output.pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
  output.logger = logger_to(std::make_shared<StdoutSink>());
}

core::Result<void> configure(Options options) {
  std::lock_guard lock(output_lock);
  if (!output.pool) return core::fail("the log was not started");
  // New lines get a new logger, because the writer of the last one may be stuck and holds its sink.
  if (options.file.empty()) {
    if (output.file) output.logger = logger_to(std::make_shared<StdoutSink>());
    output.file.reset();
  } else if (!output.file || !output.file->serves(options)) {
    auto sink = std::make_shared<FileSink>(options.file, options.mode, options.files_max, options.file_size);
    if (auto opened = sink->open(); !opened) return opened;
    output.logger = logger_to(sink);
    output.file = std::move(sink);
  }
  has_parts = !options.parts.empty();
  set_level(options.least);
  output.options = std::move(options);
  return {};
}

void stop() {
  Output ended;
  {
    std::lock_guard lock(output_lock);
    std::swap(ended, output);
    has_parts = false;
  }
  if (!ended.pool) return;
  // Destroying the thread pool waits for its writer. A reader of our stdout that no longer reads must not keep the
  // daemon from exiting.
  auto written = std::make_shared<std::promise<void>>();
  auto done = written->get_future();
  std::thread([ended = std::move(ended), written]() mutable {
    ended.logger.reset();
    ended.pool.reset();
    written->set_value();
  }).detach();
  done.wait_for(stop_timeout);
}

void write(Level level, std::string_view message, const std::source_location& where) {
  if (level < least_level && !has_parts) return;
  const auto shown = std::ranges::any_of(message, is_control) ? with_marked_lines(message) : std::string();
  const auto text = shown.empty() ? message : std::string_view(shown);
  if (output_receiver) return output_receiver(level, text);
  const Record record{level, text, std::chrono::system_clock::now(), where};
  std::lock_guard lock(output_lock);
  const auto& options = output.options;
  if (has_parts && level < least_of(options, where)) return;
  if (!options.repeat_heartbeats) {
    if (is_heartbeat(text) && text == output.last_heartbeat) return;
    output.last_heartbeat = is_heartbeat(text) ? text : "";
  }
  const auto line = (options.format ? options.format(record) : patroni_line(record)) + "\n";
  if (output.logger) {
    output.logger->log(spdlog::level::info, spdlog::string_view_t(line));
  } else {
    write_all(STDERR_FILENO, line);
  }
}

}  // namespace tamada::log
