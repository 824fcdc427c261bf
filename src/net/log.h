// The program's log, in Python's format, as Patroni's users and scripts read it:
// `2026-11-22 22:25:03,017 INFO: text`, the level at column 24. Writing never blocks the loop: the queue is bounded and
// drops its oldest lines when the disk does not keep up.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>

namespace tamada::log {

enum class Level { debug, info, warning, error, critical };

void start(Level least);  // once, from main; before it, lines go to stderr directly
void set_level(Level least);
void stop();  // writes what is queued, for two seconds at most; lines go to stderr again
void write(Level level, std::string_view text);
// Lines go there instead, from now on; empty: back. For the simulator, which has many daemons in one process.
void redirect(std::function<void(Level, std::string_view)> receiver);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void critical(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::critical, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tamada::log
