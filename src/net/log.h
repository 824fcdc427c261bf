// The program's log, in Python's format, which Patroni's users and scripts read: `2026-11-22 22:25:03,017 INFO: text`,
// with the level at column 24. Writing never blocks the loop: the queue is bounded, and its oldest lines are dropped
// when the disk is too slow.
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
std::string_view name_of(Level level);  // Python's name, such as INFO

struct Record {
  Level level;
  std::string_view text;
  std::chrono::system_clock::time_point at;
  std::source_location where;
};

struct Options {
  Level least = Level::info;
  std::function<std::string(const Record&)> format;  // makes a line, without its end; empty: the default form
  // Parts of the program that have their own level. As in Python's logging, "a" also stands for "a.b".
  std::vector<std::pair<std::string, Level>> parts;
  std::function<std::string(const std::source_location&)> part_of;  // the name of a part; needed for `parts`
  std::string file;                                                 // empty: stdout
  std::optional<int> mode;                                          // permissions of the files; nullopt: as the umask
                                                                    // says
  int files_max = 4;           // number of older files that are kept: file.1, file.2 ...; 0: one file grows
  std::int64_t file_size = 0;  // size in bytes at which a new file begins; 0: never
  bool repeat_heartbeats = true;
};

// main calls this once. Before it, lines go to stderr directly.
void start(Level least, std::size_t queue_lines = 1000);
// May be called at any time after start(). An error when the file cannot be written; then everything stays as it was. A
// file that was moved away is closed.
core::Result<void> configure(Options options);
void set_level(Level least);
void stop();  // writes what is queued, for two seconds at most; lines go to stderr again
void write(Level level, std::string_view text, const std::source_location& where = std::source_location::current());
// Sends all further lines to `receiver` instead of the log; an empty `receiver` ends that. The simulator uses it,
// because it has many daemons in one process.
void redirect(std::function<void(Level, std::string_view)> receiver);

// A format, and the place in the source that logs it.
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
