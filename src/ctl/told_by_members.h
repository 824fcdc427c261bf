// Puts the cluster together from what its members tell, for the case that etcd does not answer. A pure function.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "ctl/output.h"

namespace tamada::ctl {

// The answers of one member. An answer that did not come, or is not a JSON object, is absent.
struct Told {
  std::string name;  // from the member's own answer; empty when it did not answer
  std::string api_url;
  std::optional<Json> patroni, cluster, config;
  std::optional<Json> history;  // an array
};

struct MembersPicture {
  core::ClusterView view;
  std::vector<std::string> notes;  // which parts are old, and how old
};

// Uses the list of the member that last heard from etcd, and replaces each line by that member's own answer.
// `remembered`: the keys of an earlier answer of etcd, for members that tell no list; Patroni's do not when etcd is
// down. nullopt when no member answered.
std::optional<MembersPicture> told_by_members(const std::vector<Told>& told, const core::ClusterView& remembered,
                                              double now_s);

}  // namespace tamada::ctl
