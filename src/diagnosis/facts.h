// The facts about a cluster that `doctor` examines, and how they follow from the members' answers.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/cluster_view.h"
#include "net/http.h"

namespace tamada::diagnosis {

using Json = nlohmann::ordered_json;

// The answers of one member. An answer that did not come, or is not a JSON object, is absent. Patroni's daemons in a
// mixed cluster answer only /patroni.
struct MemberFacts {
  core::Member member;
  std::optional<Json> patroni, explain;
  std::string error;              // why the member did not answer at all
  std::optional<double> clock_s;  // how far the member's clock is ahead of ours
  double clock_error_s = 0;       // the possible error of clock_s in both directions
};

// `sent` and `took`: when the request for `explain` was sent, by our clock, and how long the exchange took.
MemberFacts member_facts(core::Member member, const core::Result<net::HttpResponse>& patroni,
                         const core::Result<net::HttpResponse>& explain, core::WallTime sent, core::Duration took);

struct EtcdFacts {
  std::string endpoint, version, error;  // error: why the endpoint does not answer
  double ms = 0;
  std::int64_t db_bytes = 0;
  std::int64_t index = 0;               // of the last entry of the log that this server has applied; 0: not known
  std::vector<std::string> complaints;  // what this server tells itself: alarms, and that it knows no leader
};
// By the answer of /v3/maintenance/status, which took so long.
EtcdFacts etcd_facts(std::string endpoint, const core::Result<net::HttpResponse>& answer, core::Duration took);

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
// The leader's slots, as the leader last wrote them into its key.
std::vector<SlotFacts> slots_by_key(const core::ClusterView& view);

// Whether the user of pg_rewind has the rights that it needs.
struct RewindRights {
  std::string user, leader, error;   // leader: which server was asked; error: why it could not be asked
  std::vector<std::string> missing;  // functions that the user may not call
};

// What a daemon finds out by itself, and not from the keys and the members' answers.
struct Surroundings {
  std::vector<EtcdFacts> etcd;
  std::vector<Certificate> certificates;
  std::optional<RewindRights> rewind;
};

struct ClusterFacts {
  std::string name;
  core::ClusterView view;
  // The dynamic configuration with the keys of its profile, and what is wrong with it. Only the library `config` can
  // tell either.
  struct Configuration {
    Json in_effect = Json::object();
    std::vector<std::string> mistakes;
  } configuration;
  std::vector<MemberFacts> members;
  std::vector<EtcdFacts> etcd;
  std::vector<Certificate> certificates;
  std::vector<SlotFacts> slots;
  std::string slots_problem;           // why the server itself could not be asked about its slots
  std::optional<RewindRights> rewind;  // nullopt when there is no such user
  core::WallTime now;
};

// The newest version of PostgreSQL that a member tells, such as 150020; 0 when none does.
int newest_server_version(const std::vector<MemberFacts>& members);

}  // namespace tamada::diagnosis
