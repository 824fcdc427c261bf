// The findings of `doctor`, as pure functions of the facts about a cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/member_facts.h"

namespace tamada::ctl {

struct EtcdFacts {
  std::string endpoint, version, error;  // error: why the endpoint does not answer
  double ms = 0;
  std::int64_t db_bytes = 0;
};

struct Certificate {
  std::string where;  // "restapi.certfile /etc/...", "REST API of n1"
  std::optional<core::WallTime> ends;
  std::string error;  // why the certificate cannot be read
};

struct SlotFacts {
  std::string name, wal_status;  // wal_status: empty when it is not known
  std::uint64_t bytes = 0;       // WAL that the slot keeps
  std::optional<bool> active;
};

struct ClusterFacts {
  std::string name;
  core::ClusterView view;
  std::vector<MemberFacts> members;
  std::vector<EtcdFacts> etcd;
  std::vector<Certificate> certificates;
  std::vector<SlotFacts> slots;
  std::string slots_problem;  // why the server itself could not be asked about its slots
  // Whether the user of pg_rewind has the rights that it needs on the leader; nullopt when there is no such user.
  struct RewindRights {
    std::string user, leader, error;   // error: why the leader could not be asked
    std::vector<std::string> missing;  // functions that the user may not call
  };
  std::optional<RewindRights> rewind;
  core::WallTime now;
};

struct Finding {
  enum class Grade { ok, warning, failure } grade;
  std::string check, text, next;  // next: what to do; empty when nothing has to be done
};
std::vector<Finding> examine(const ClusterFacts& facts);

}  // namespace tamada::ctl
