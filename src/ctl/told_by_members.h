// The cluster as its members tell it, where etcd does not answer. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "ctl/output.h"

namespace tamada::ctl {

// The answers of one member; one that did not come, or is no JSON object, is absent.
struct Told {
  std::string name;  // from its own answer; empty: it did not answer
  std::string api_url;
  std::optional<Json> patroni, cluster, config;
  std::optional<Json> history;  // an array
};

struct MembersPicture {
  core::ClusterView view;
  std::vector<std::string> notes;  // which parts are old, and how old
};

// The list of the member that last heard from etcd counts, except that each member's own answer replaces its line.
// `remembered`: the keys of an earlier answer of etcd, for members that tell no list (Patroni's do not, without etcd).
// nullopt: nobody answered.
std::optional<MembersPicture> told_by_members(const std::vector<Told>& told, const core::ClusterView& remembered,
                                              double now_s);

}  // namespace tamada::ctl
