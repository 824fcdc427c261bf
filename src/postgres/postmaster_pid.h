// Reads the file postmaster.pid.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tamada::postgres {

// Source of the lines: PostgreSQL's src/include/utils/pidfile.h; the same since version 10.
struct PostmasterPid {
  int pid = 0;  // negative: a single-user server
  std::string data_dir;
  long start_time = 0;  // Unix time
  std::string port, socket_dir, listen_address;
  std::string status;  // starting, stopping, ready, standby; empty when not written yet
};

std::optional<PostmasterPid> parse_postmaster_pid(std::string_view content);

}  // namespace tamada::postgres
