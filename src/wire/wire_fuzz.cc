// Whatever lies in a key of the DCS or comes as a member's answer: reading it never throws, and what was read can be
// written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/cluster_json.h"
#include "wire/keys.h"
#include "wire/peer.h"
#include "wire/python_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tamada;
  if (size == 0) return 0;
  constexpr const char* keys[] = {"leader",  "members/n1", "initialize", "config",   "failover",
                                  "history", "status",     "sync",       "failsafe", "optime/leader"};
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  core::ClusterView view;
  wire::apply_put(view, keys[data[0] % std::size(keys)], {.value = text, .mod_revision = 1});
  (void)wire::dump_python(wire::cluster_json(view, "demo"));
  (void)wire::parse_peer(text);
  if (const auto time = wire::parse_iso(text)) {
    const auto again = wire::parse_iso(wire::format_iso(time->time));
    if (!again || again->time != time->time) std::abort();
  }
  for (const auto& [name, member] : view.members) {
    core::ClusterView second;
    wire::apply_put(second, "members/n1", {.value = wire::member_json(member)});
    if (second.members.at("n1").tags != member.tags) std::abort();
  }
  return 0;
}
