// The commands; each in its file. They print to stdout; an error is what stands behind "Error: ".
#pragma once

#include <string>
#include <vector>

#include "core/types.h"
#include "ctl/output.h"
#include "ctl/session.h"

namespace tamada::ctl {

using Done = core::Result<void>;
inline constexpr auto aborted = "Aborted!";  // the input ended at a question: printed without "Error: ", as click does

struct ListOptions {
  std::vector<std::string> clusters;
  Format format = Format::pretty;
  bool extended = false, timestamp = false, watch = false;
  double watch_every_s = 0;
};
Done list(Session& session, const ListOptions& options);

struct SwitchoverOptions {
  std::string cluster;
  std::optional<std::string> leader, candidate, scheduled;
  bool force = false;
};
Done switchover(Session& session, const SwitchoverOptions& options);

struct PauseOptions {
  std::string cluster;
  bool paused = true;  // false: resume
  bool wait = false;
};
Done set_pause(Session& session, const PauseOptions& options);

Done show_config(Session& session, const std::string& cluster);

struct EditConfigOptions {
  std::string cluster;
  std::vector<std::string> set, pg;
  std::string apply_file, replace_file;  // "-": stdin
  bool quiet = false, force = false;
};
Done edit_config(Session& session, const EditConfigOptions& options);

Done history(Session& session, const std::string& cluster, Format format);

// `cluster` empty: only our own.
Done version(Session& session, const std::string& cluster, const std::vector<std::string>& members);
std::string format_pg_version(std::int64_t number);  // 90624 -> 9.6.24, 150020 -> 15.20

// Prints, and leaves nothing in a buffer.
void echo(const std::string& text);

}  // namespace tamada::ctl
