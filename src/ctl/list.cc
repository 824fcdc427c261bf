#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "ctl/commands.h"
#include "ctl/member_rows.h"

namespace tamada::ctl {
namespace {

void clear_screen() {
  if (isatty(STDOUT_FILENO) != 0) echo("\033[2J\033[1;1H");
}

}  // namespace

void echo(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

Done list(Session& session, const ListOptions& options) {
  auto clusters = options.clusters;
  if (clusters.empty()) {
    auto name = session.cluster_name("");
    if (!name) {
      // Patroni warns and leaves it at that.
      std::fputs("WARNING - Listing members: No cluster names were provided\n", stderr);
      return {};
    }
    clusters.push_back(*name);
  }
  const double every_s = options.watch_every_s > 0 ? options.watch_every_s : options.watch ? 2 : 0;
  for (;;) {
    const auto begun = std::chrono::steady_clock::now();
    if (every_s > 0) clear_screen();
    if (options.timestamp) echo(timestamp(0) + "\n");
    for (const auto& name : clusters) {
      const auto view = session.cluster(name);
      if (!view) return std::unexpected(view.error());
      echo(format_members(*view, name, options.extended, options.format));
    }
    if (every_s <= 0) return {};
    std::this_thread::sleep_until(begun + std::chrono::duration<double>(every_s));
  }
}

}  // namespace tamada::ctl
