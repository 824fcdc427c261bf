// Reads the keys of the cluster with arbitrary values, and other texts that other programs write. Nothing may crash. A
// value that was read, written and read again must be the same. The first byte chooses the key.
#include "wire/keys.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/effective.h"
#include "config/local.h"
#include "config/server_configuration.h"
#include "config/yaml.h"
#include "wire/cluster_json.h"
#include "wire/member.h"
#include "wire/peer.h"

using namespace tamada;

namespace {

constexpr auto keys = std::to_array<std::string_view>({"leader", "members/n1", "initialize", "config", "failover",
                                                       "history", "status", "optime/leader", "sync", "failsafe"});

}  // namespace

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void time(const std::string& value) {
  const auto time = wire::parse_iso(value);
  if (!time) return;
  const auto again = wire::parse_iso(wire::format_iso(time->time));
  require(again && again->time == time->time);
}

void member(const std::string& value) {
  const auto written = wire::member_json(wire::parse_member("n1", value));
  require(wire::member_json(wire::parse_member("n1", written)) == written);
}

void dynamic(const std::string& value) {
  const auto parsed = config::parse_dynamic(value);
  if (!parsed) return;
  std::vector<std::string> warnings;
  const auto settings = config::settings({}, *parsed, &warnings);
  require(settings.loop_wait + 2 * settings.retry_timeout <= settings.ttl);
  (void)config::server_configuration({}, *parsed, 150000);
}

void one_key(std::string_view key, const std::string& value) {
  core::ClusterView view;
  wire::apply_put(view, key, {.value = value, .mod_revision = 1, .create_revision = 1});
  (void)wire::cluster_json(view, "scope");
  (void)wire::cluster_modes(view);
  if (key == "config") dynamic(value);
  if (key.starts_with("members/")) member(value);
  wire::apply_delete(view, key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string value(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t choice = data[0] % (keys.size() + 3);
  if (choice < keys.size()) one_key(keys[choice], value);
  if (choice == keys.size()) (void)wire::parse_peer(value);
  if (choice == keys.size() + 1) time(value);
  if (choice == keys.size() + 2) (void)wire::parse_conn_url(value);
  return 0;
}
