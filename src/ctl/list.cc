#include <fmt/format.h>

#include <cstdio>

#include "ctl/commands.h"
#include "ctl/member_rows.h"
#include "ctl/terminal.h"

namespace tamada::ctl {

Done list(Session& session, const ListOptions& options) {
  auto clusters = options.clusters;
  if (clusters.empty()) {
    auto name = session.cluster_name("");
    if (!name) {
      // Patroni leaves it at that, too.
      warn("Listing members: No cluster names were provided");
      return {};
    }
    clusters.push_back(*name);
  }
  bool unknown = false;
  auto done = watching(options, true, [&]() -> Done {
    if (options.timestamp) echo(timestamp(0) + "\n");
    for (const auto& name : clusters) {
      const auto view = session.cluster(name);
      if (!view) return std::unexpected(view.error());
      echo(format_members(*view, name, options.extended, options.format));
      if (exists(*view)) continue;
      unknown = true;
      fmt::print(stderr, "Error: {}\n", session.no_members(name).error().what);
    }
    return {};
  });
  return done && unknown ? failure_told() : done;
}

Done topology(Session& session, const ListOptions& options) {
  auto wish = options;
  wish.format = Format::topology;
  return list(session, wish);
}

}  // namespace tamada::ctl
