#include "agent/log_options.h"

#include "config/log_format.h"
#include "net/log.h"

namespace tamada::agent {
namespace {

log::Level level_of(std::string_view name) {
  for (const auto level : {log::Level::debug, log::Level::warning, log::Level::error, log::Level::critical}) {
    if (log::name_of(level) == name) return level;
  }
  return log::Level::info;
}

}  // namespace

core::Result<void> configure_log(const config::Log& log) {
  auto format = config::LogFormat::create(log);
  if (!format) return core::fail("log.format: " + format.error().what);
  log::Options options;
  options.least = level_of(log.level);
  options.format = [format = std::move(*format)](const log::Record& record) {
    return format.line({log::name_of(record.level), record.text, record.at, record.where});
  };
  for (const auto& [name, level] : log.loggers) options.parts.emplace_back(name, level_of(level));
  options.part_of = config::logger_name;
  if (!log.dir.empty()) options.file = log.dir + "/patroni.log";
  options.mode = log.mode;
  options.files_max = log.file_num;
  options.file_size = log.file_size;
  options.repeat_heartbeats = !log.deduplicate_heartbeat_logs;
  if (auto configured = log::configure(std::move(options)); !configured) {
    return core::fail("log.dir: " + configured.error().what);
  }
  return {};
}

}  // namespace tamada::agent
