// The section `log` of patroni.yml.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/json.h"

namespace tamada::config {

// Where the log goes and how a line looks, in the terms of Python's module logging.
struct Log {
  std::string type = "plain";  // plain, json
  std::string level = "INFO";  // DEBUG, INFO, WARNING, ERROR, CRITICAL
  std::string format = "%(asctime)s %(levelname)s: %(message)s";
  std::string dateformat;                                   // for strftime(3); empty: 2026-11-22 22:25:03,017
  std::vector<std::pair<std::string, std::string>> fields;  // type json with `format` as a list: field -> printed name
  Json static_fields = Json::object();                      // type json: added to every line
  std::map<std::string, std::string> loggers;               // part of the program -> level
  std::string dir;                                          // empty: stdout
  std::optional<int> mode;                                  // mode of the files; nullopt: as umask says
  int file_num = 4;
  std::int64_t file_size = 25'000'000;  // bytes
  int max_queue_size = 1000;            // lines that wait to be written
  bool deduplicate_heartbeat_logs = false;
};

}  // namespace tamada::config
