#include "dcs/dcs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "dcs/connect.h"
#include "preflight/preflight.h"

namespace tamada::preflight {
namespace {

using namespace std::chrono_literals;
constexpr auto dcs_timeout = 5s;

const dcs::KeyValue* find(const dcs::Range& range, const std::string& key) {
  for (const auto& each : range.keys) {
    if (each.key == key) return &each;
  }
  return nullptr;
}

Finding check_cluster(const config::Local& local, const dcs::Range& range, const std::string& system_identifier) {
  const auto* initialize = find(range, local.prefix() + "initialize");
  const bool known = initialize && !initialize->value.empty();
  if (!known) {
    if (system_identifier.empty()) return good("a new cluster: nothing is in the DCS, and no data here");
    return good("the DCS knows no cluster " + local.scope +
                " yet: start the daemon on the node of the primary first, then on the others");
  }
  if (system_identifier.empty()) return good("the cluster is there; this node will copy it");
  if (initialize->value == system_identifier) return good("the data directory is of the cluster in the DCS");
  return error(fmt::format("the data directory is of another system than the cluster {} in the DCS: {} is not {}",
                           local.scope, system_identifier, initialize->value),
               "correct scope or postgresql.data_dir, or move the data directory away; if the cluster in the DCS is "
               "no more, delete the keys under " +
                   local.prefix());
}

}  // namespace

awaitable<Findings> check_dcs(const config::Local& local, std::string system_identifier) {
  const std::string where = fmt::format("{}", fmt::join(local.etcd.endpoints, ", "));
  auto dcs = dcs::connect(local.etcd);
  if (!dcs) {
    co_return Findings{error("etcd3: " + dcs.error().what, "see the section etcd3 of the file, and its certificates")};
  }
  const auto range = co_await (*dcs)->range(local.prefix(), 0, dcs_timeout);
  if (!range) {
    const bool refused = range.error().kind == dcs::ErrorKind::refused;
    co_return Findings{
        error(fmt::format("etcd at {} {}: {}", where, refused ? "refuses" : "does not answer", range.error().what),
              refused ? "give the user of the section etcd3 read and write access to " + local.prefix()
                      : "start etcd, allow connections to it, or correct etcd3.hosts")};
  }
  Findings findings{good("etcd answers at " + where)};
  // Asks for a lease and gives it back, because a user that may only read would fail only later.
  const auto lease = co_await (*dcs)->lease_grant(10s, dcs_timeout);
  if (lease) {
    (void)co_await (*dcs)->lease_revoke(lease->id, dcs_timeout);
  } else {
    findings.push_back(error("etcd grants no lease: " + lease.error().what,
                             "give the user of the section etcd3 write access to " + local.prefix() +
                                 "; look whether etcd is out of space (etcdctl alarm list)"));
  }
  findings.push_back(check_cluster(local, *range, system_identifier));
  co_return findings;
}

}  // namespace tamada::preflight
