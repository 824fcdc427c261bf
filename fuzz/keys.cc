// Every key of the cluster with an arbitrary value: nothing may crash, and what we write of it reads as the same.
#include "wire/keys.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/config.h"
#include "wire/cluster_json.h"
#include "wire/member.h"
#include "wire/peer.h"

using namespace tamada;

namespace {

constexpr auto keys = std::to_array<std::string_view>({"leader", "members/n1", "initialize", "config", "failover",
                                                       "history", "status", "optime/leader", "sync", "failsafe"});

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string value(reinterpret_cast<const char*>(data), size);
  core::ClusterView view;
  for (const auto key : keys) wire::apply_put(view, key, {.value = value, .mod_revision = 1, .create_revision = 1});
  (void)wire::cluster_json(view, "scope");
  (void)wire::cluster_modes(view);
  (void)wire::parse_peer(value);
  if (const auto time = wire::parse_iso(value)) {
    const auto again = wire::parse_iso(wire::format_iso(time->time));
    if (!again || again->time != time->time) std::abort();
  }
  (void)wire::parse_conn_url(value);
  (void)wire::parse_failover(value);

  const auto member = wire::member_json(wire::parse_member("n1", value));
  if (wire::member_json(wire::parse_member("n1", member)) != member) std::abort();
  if (const auto dynamic = config::parse_dynamic(value)) {
    std::vector<std::string> warnings;
    const auto settings = config::settings({}, *dynamic, &warnings);
    if (settings.loop_wait + 2 * settings.retry_timeout > settings.ttl) std::abort();
    (void)config::server_configuration({}, *dynamic, 150000);
  }
  for (const auto key : keys) wire::apply_delete(view, key);
  return 0;
}
