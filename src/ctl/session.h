// Gives every command what it needs: the configuration, the cluster's keys, and the members' REST API.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/local.h"
#include "core/cluster_view.h"
#include "core/types.h"
#include "dcs/dcs.h"
#include "net/http.h"

namespace tamada::ctl {

// The option -d, as in Patroni: [etcd3://][host][:port][/namespace]. http:// and https:// mean etcd's own protocol.
struct DcsUrl {
  std::string endpoint;
  std::string namespace_;  // empty: the one of the configuration
};
core::Result<DcsUrl> parse_dcs_url(std::string_view text);

struct SessionOptions {
  std::string config_file;
  bool config_file_given = false;  // it must exist then
  std::optional<std::string> dcs_url;
  bool insecure = false;
};

// A cluster's name, and its keys in etcd.
struct Cluster {
  std::string name;
  core::ClusterView view;
};

// A cluster for commands that only read. It comes from etcd or, if etcd does not answer, from its members and from the
// file of remembered.h.
struct Sighting : Cluster {
  enum class Source { etcd, members, memory } source = Source::etcd;
  std::vector<std::string> notes;  // why the cluster is not from etcd, and how old its parts are
  // The time limit for a member's answer, which is shorter if etcd has already used its own.
  core::Duration patience() const {
    return source == Source::etcd ? std::chrono::seconds(2) : std::chrono::milliseconds(700);
  }
};

// An error with a second line that says what to do next.
std::unexpected<core::Error> fail(const std::string& what, const std::string& next);

// The result of a request, and the time at which it came.
struct Answer {
  core::Result<net::HttpResponse> response;
  core::WallTime sent{};
  core::Duration took{};
};

// Every call blocks until it is done.
class Session {
 public:
  static core::Result<Session> open(const SessionOptions& options);
  Session(Session&&) noexcept;
  ~Session();

  const config::Local& local() const;
  // The cluster that the command line names, or else the configuration's scope.
  core::Result<std::string> cluster_name(const std::string& given) const;

  core::Result<core::ClusterView> cluster(const std::string& name);
  // An error when etcd has no key of the cluster, unless patronictl's exit statuses are kept.
  core::Result<Cluster> find(const std::string& given);
  // For commands that only read: returns within 2 s even if etcd hangs. Nothing may be changed on the basis of the
  // result.
  core::Result<Sighting> look(const std::string& given, bool must_exist = true);
  // The error for an unknown cluster; it lists the known clusters.
  std::unexpected<core::Error> no_members(const std::string& cluster);
  // The names of all clusters in the namespace.
  core::Result<std::vector<std::string>> cluster_names();
  // Writes `key` below the cluster's prefix. If `expected` is given, the key is written only if it is at this revision;
  // returns false if it is not.
  core::Result<bool> write(const std::string& cluster, const std::string& key, const std::string& value,
                           std::optional<core::Revision> expected);
  // The names of the keys below the cluster's prefix, with their values.
  core::Result<std::map<std::string, std::string>> keys_with_values(const std::string& cluster);
  core::Result<std::vector<std::string>> keys(const std::string& cluster);
  // Removes all keys of the cluster.
  core::Result<void> remove(const std::string& cluster);

  core::Result<net::HttpResponse> request(const core::Member& member, const std::string& method,
                                          const std::string& path, const nlohmann::ordered_json* body = nullptr,
                                          core::Duration timeout = std::chrono::seconds(10));

  // Sends GET to all members at once; the answers are in the order of `members`. `paths` has one path for all members,
  // or one for each.
  std::vector<Answer> request_all(const std::vector<core::Member>& members, const std::vector<std::string>& paths,
                                  core::Duration timeout);
  std::vector<Answer> request_all(const std::vector<core::Member>& members, const std::string& path,
                                  core::Duration timeout);
  // The same as request(). Meanwhile it sends GET `watched` to the member again and again, and gives each answer to
  // `look`.
  core::Result<net::HttpResponse> request_watched(const core::Member& member, const std::string& method,
                                                  const std::string& path, const nlohmann::ordered_json& body,
                                                  core::Duration timeout, const std::string& watched,
                                                  std::function<void(const net::HttpResponse&)> look);
  // Sends POST with {} to each of etcd's servers at once.
  std::vector<Answer> ask_etcd(const std::vector<std::string>& endpoints, const std::string& path,
                               core::Duration timeout);

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

bool exists(const core::ClusterView& view);  // etcd has a key of the cluster

// The members that have a REST API: the leader first, then the others.
std::vector<core::Member> members_leader_first(const core::ClusterView& view);

std::int64_t loop_wait_s(const core::ClusterView& view);  // from the dynamic configuration, or its default

core::WallTime wall_now();

// The local time as "2026-11-22 22:25:56.54161", with `digits` of the second's fraction; with 0 there is no point,
// either.
std::string timestamp(int digits, char point = '.');

}  // namespace tamada::ctl
