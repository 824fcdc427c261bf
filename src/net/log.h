// The program's log, in Python's format, as Patroni's users and scripts read it:
// `2026-11-22 22:25:03,017 INFO: text`, the level at column 24. Writing never blocks the loop: the queue is bounded and
// drops its oldest lines when the disk does not keep up.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/types.h"

namespace tamada::log {

enum class Level { debug, info, warning, error, critical };
std::string_view name_of(Level level);  // Python's: INFO

struct Record {
  Level level;
  std::string_view text;
  std::chrono::system_clock::time_point at;
  std::source_location where;
};

struct Options {
  Level least = Level::info;
  std::function<std::string(const Record&)> format;  // makes a line, without the line end; empty: the default form
  // Parts of the program that have a level of their own. As in Python's logging, "a" also stands for "a.b".
  std::vector<std::pair<std::string, Level>> parts;
  std::function<std::string(const std::source_location&)> part_of;  // the name; needed for parts
  std::string file;                                                 // empty: stdout
  std::optional<int> mode;                                          // permissions of the files; none: by the umask
  int files_max = 4;           // older files that are kept: file.1, file.2 ...; 0: one file grows
  std::int64_t file_size = 0;  // bytes after which a new one begins; 0: never
  bool repeat_heartbeats = true;
};

// From main, once; before it, lines go to stderr directly.
void start(Level least, std::size_t queue_lines = 1000);
// May be called at any time after start(). An error: the file cannot be written, and everything stays as it was. A file
// that was moved away is closed.
core::Result<void> configure(Options options);
void set_level(Level least);
void stop();  // writes what is queued, for two seconds at most; lines go to stderr again
void write(Level level, std::string_view text, const std::source_location& where = std::source_location::current());
// From now on lines go to `receiver` and not to the log; an empty one ends that. For the simulator, which has many
// daemons in one process.
void redirect(std::function<void(Level, std::string_view)> receiver);

// A format and the place that logs it.
template <class... Args>
struct Format {
  template <class Text>
  consteval Format(const Text& given, std::source_location here = std::source_location::current())
      : text(given), where(here) {}
  fmt::format_string<Args...> text;
  std::source_location where;
};

template <class... Args>
void debug(std::type_identity_t<Format<Args...>> format, Args&&... args) {
  write(Level::debug, fmt::format(format.text, std::forward<Args>(args)...), format.where);
}
template <class... Args>
void info(std::type_identity_t<Format<Args...>> format, Args&&... args) {
  write(Level::info, fmt::format(format.text, std::forward<Args>(args)...), format.where);
}
template <class... Args>
void warning(std::type_identity_t<Format<Args...>> format, Args&&... args) {
  write(Level::warning, fmt::format(format.text, std::forward<Args>(args)...), format.where);
}
template <class... Args>
void error(std::type_identity_t<Format<Args...>> format, Args&&... args) {
  write(Level::error, fmt::format(format.text, std::forward<Args>(args)...), format.where);
}
template <class... Args>
void critical(std::type_identity_t<Format<Args...>> format, Args&&... args) {
  write(Level::critical, fmt::format(format.text, std::forward<Args>(args)...), format.where);
}

}  // namespace tamada::log
