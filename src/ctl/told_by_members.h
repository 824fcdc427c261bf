// The cluster as its members tell it, where etcd does not answer. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "ctl/output.h"

namespace tamada::ctl {

// What one member answered; what did not come, or is no JSON object, is absent.
struct Told {
  std::string name;  // by its own word; empty: it did not answer
  std::string api_url;
  std::optional<Json> patroni, cluster, config;
  std::optional<Json> history;  // an array
};

struct MembersPicture {
  core::ClusterView view;
  std::vector<std::string> notes;  // what of it is old, and how old
};

// Of the members' lists that counts whose teller heard from etcd last; over it stands what each member says of itself.
// `remembered`: the keys of an earlier answer of etcd, for members that tell no list (Patroni's do not, without etcd).
// nullopt: nobody answered.
std::optional<MembersPicture> told_by_members(const std::vector<Told>& told, const core::ClusterView& remembered,
                                              double now_s);

}  // namespace tamada::ctl
