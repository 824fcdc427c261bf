#include "ctl/commands.h"
#include "ctl/member_rows.h"
#include "ctl/terminal.h"

namespace tamada::ctl {

namespace {

Page make_page(Session& session, const ListOptions& options, const std::vector<std::string>& clusters) {
  Page page;
  if (options.timestamp) page.text = timestamp(0) + "\n";
  for (const auto& name : clusters) {
    const auto seen = session.look(name, false);
    if (!seen) {
      page.done = std::unexpected(seen.error());
      return page;
    }
    page.notes.insert(page.notes.end(), seen->notes.begin(), seen->notes.end());
    page.text += format_members(seen->view, name, options.extended, options.format);
    if (seen->source == Sighting::Source::memory) {
      page.done = core::fail("neither etcd nor a member of " + name + " answers");
    } else if (seen->source == Sighting::Source::etcd && !exists(seen->view) && !keeps_patronictl_status()) {
      page.done = session.no_members(name);
    } else if (seen->source == Sighting::Source::members && keeps_patronictl_status()) {
      page.done = core::fail("etcd does not answer");  // patronictl shows nothing in this case
    }
  }
  return page;
}

}  // namespace

Done list(Session& session, const ListOptions& options) {
  auto clusters = options.clusters;
  if (clusters.empty()) {
    auto name = session.cluster_name("");
    if (!name) {
      // As in Patroni, this is only a warning.
      warn("Listing members: No cluster names were provided");
      return {};
    }
    clusters.push_back(*name);
  }
  return watching_page(options, [&] { return make_page(session, options, clusters); });
}

Done clusters(Session& session, const ClusterOptions&) {
  const auto names = session.cluster_names();
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) echo(name + "\n");
  return {};
}

Done topology(Session& session, const ListOptions& options) {
  auto wish = options;
  wish.format = Format::topology;
  return list(session, wish);
}

}  // namespace tamada::ctl
