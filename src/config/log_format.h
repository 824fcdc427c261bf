// Formats a line of the log by `log.format`, `log.dateformat` and `log.type`, in the terms of Python's module logging.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/sections/log.h"
#include "core/types.h"

namespace tamada::config {

struct LogRecord {
  std::string_view level;  // INFO
  std::string_view text;
  std::chrono::system_clock::time_point at;
  std::source_location where;
};

// The name that `%(name)s` prints and that `log.loggers` uses: patroni.agent.executor for src/agent/executor.cc.
std::string logger_name(const std::source_location& where);

class LogFormat {
 public:
  // An error tells what is wrong with `format`, and what is allowed.
  static core::Result<LogFormat> create(const Log& log);

  std::string line(const LogRecord& record) const;  // without an end of line

 private:
  struct Piece {
    std::string literal, field;
    std::string spec;  // of printf: "-8", "03"
    char conversion = 's';
  };
  static core::Result<std::vector<Piece>> parse(std::string_view format);
  std::string json_line(const LogRecord& record) const;
  Json value(std::string_view field, const LogRecord& record) const;

  std::vector<Piece> pieces_;
  std::string dateformat_;
  bool json_ = false;
  std::vector<std::pair<std::string, std::string>> fields_;  // field -> printed name
  Json static_fields_ = Json::object();
};

}  // namespace tamada::config
