#include "ctl/told_by_members.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ctl/member_facts.h"
#include "wire/json.h"
#include "wire/keys.h"
#include "wire/member.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

double heard_from_etcd(const Told& told) {
  return told.patroni ? static_cast<double>(wire::integer_at(*told.patroni, "dcs_last_seen").value_or(0)) : 0;
}

bool leads(const Json& patroni) {
  const auto role = wire::text_at(patroni, "role");
  return role == "primary" || role == "master" || role == "standby_leader";
}

std::uint64_t position(const Json& patroni, const char* key) {
  const Json* xlog = wire::find(patroni, "xlog");
  return xlog ? wire::unsigned_at(*xlog, key).value_or(0) : 0;
}

// Makes a member key from a line of /cluster.
Json key_of_line(const Json& line) {
  Json key = {{"conn_url", fmt::format("postgres://{}:{}/postgres", wire::text_at(line, "host"),
                                       wire::integer_at(line, "port").value_or(5432))},
              {"api_url", wire::text_at(line, "api_url")},
              {"state", wire::text_at(line, "state")},
              {"role", wire::text_at(line, "role").ends_with("leader") ? "primary" : "replica"}};
  const std::pair<const char*, const char*> positions[] = {
      {"receive_lsn", "receive_lsn"}, {"replay_lsn", "replay_lsn"}, {"lsn", "xlog_location"}};
  for (const auto& [from, to] : positions) {
    if (const auto lsn = core::parse_lsn(wire::text_at(line, from))) key[to] = *lsn;
  }
  for (const char* same :
       {"timeline", "tags", "pending_restart", "pending_restart_reason", "scheduled_restart", "copy"}) {
    if (const Json* value = wire::find(line, same)) key[same] = *value;
  }
  if (key["state"] == "streaming" || key["state"] == "in archive recovery") {
    key["replication_state"] = key["state"];
    key["state"] = "running";
  }
  return key;
}

Json key_of_member(const core::Member& member) {
  return wire::parse_object(wire::member_json(member)).value_or(Json::object());
}

// Replaces by the member's own answer what other members told about it.
void tell_anew(Json& key, const Told& told) {
  const Json& patroni = *told.patroni;
  if (!key.contains("api_url") || key["api_url"] == "") key["api_url"] = told.api_url;
  for (const char* same : {"state", "role", "timeline"}) {
    if (const Json* value = wire::find(patroni, same)) key[same] = *value;
  }
  for (const char* same :
       {"replication_state", "pending_restart", "pending_restart_reason", "scheduled_restart", "tags", "copy"}) {
    key.erase(same);
    if (const Json* value = wire::find(patroni, same)) key[same] = *value;
  }
  for (const char* old : {"receive_lsn", "replay_lsn", "xlog_location"}) key.erase(old);
  const auto received = position(patroni, "received_location"), replayed = position(patroni, "replayed_location");
  if (received > 0) key["receive_lsn"] = received;
  if (replayed > 0) key["replay_lsn"] = replayed;
  const auto written = std::max({position(patroni, "location"), received, replayed});
  if (written > 0) key["xlog_location"] = written;
}

class Picture {
 public:
  Picture(const std::vector<Told>& told, const core::ClusterView& remembered, double now_s)
      : told_(told), remembered_(remembered), now_s_(now_s) {}

  std::optional<MembersPicture> make() {
    for (const auto& one : told_) {
      if (!one.patroni || one.name.empty()) continue;
      live_[one.name] = &one;
      if (one.cluster && (newest_ == nullptr || heard_from_etcd(one) > heard_from_etcd(*newest_))) newest_ = &one;
    }
    if (live_.empty()) return std::nullopt;
    if (newest_ == nullptr) view() = remembered_;
    from_the_newest();
    members();
    leader();
    return std::move(picture_);
  }

 private:
  core::ClusterView& view() { return picture_.view; }
  void put(const std::string& key, const std::string& value) {
    wire::apply_put(view(), key, {.value = value, .mod_revision = 1, .create_revision = 1});
  }
  std::string age() const {
    const double heard = newest_ ? heard_from_etcd(*newest_) : 0;
    return heard > 0 ? format_age(now_s_ - heard) : "an unknown time";
  }

  void from_the_newest() {
    view().loaded = true;
    for (const auto& [name, told] : live_) {
      if (const auto id = wire::text_at(*told->patroni, "database_system_identifier"); !id.empty())
        put("initialize", id);
    }
    if (newest_ == nullptr) {
      picture_.notes.push_back(
          "no member that answers knows the others; they are shown as etcd last told them to this host");
      return;
    }
    picture_.notes.push_back(fmt::format(
        "the list of members is from {}, which heard from etcd {} ago; each member's state is from its own answer",
        newest_->name, age()));
    view().config_json = remembered_.config_json;
    if (newest_->config) put("config", wire::dump_compact(*newest_->config));
    if (newest_->history) put("history", wire::dump_compact(*newest_->history));
    std::vector<std::string> synchronous;
    std::string leader;
    for (const auto& line : newest_->cluster->value("members", Json::array())) {
      const auto role = wire::text_at(line, "role"), name = wire::text_at(line, "name");
      if (role == "sync_standby" || role == "quorum_standby") synchronous.push_back(name);
      if (role.ends_with("leader")) leader = name;
      if (!name.empty()) keys_[name] = key_of_line(line);
    }
    if (!synchronous.empty()) put("sync", wire::sync_json({.leader = leader, .standbys = synchronous}));
    if (!leader.empty()) put("leader", leader);
    if (const Json* at = wire::find(*newest_->cluster, "scheduled_switchover")) {
      put("failover", wire::dump_compact({{"leader", wire::text_at(*at, "from")},
                                          {"member", wire::text_at(*at, "to")},
                                          {"scheduled_at", wire::text_at(*at, "at")}}));
    }
  }

  void members() {
    for (const auto& [name, member] : view().members) keys_.try_emplace(name, key_of_member(member));
    for (const auto& [name, told] : live_) tell_anew(keys_[name], *told);
    std::vector<std::string> silent;
    for (const auto& [name, key] : keys_) {
      if (!live_.contains(name)) silent.push_back(name);
      put("members/" + name, wire::dump_compact(key));
    }
    if (silent.empty()) return;
    const bool one = silent.size() == 1;
    picture_.notes.push_back(fmt::format("{} {} not answer: {} is {} old", fmt::join(silent, ", "), one ? "does" : "do",
                                         one ? "its line" : "their lines", age()));
  }

  void leader() {
    std::uint64_t end = 0;
    std::string found;
    for (const auto& [name, told] : live_) {
      if (!leads(*told->patroni)) continue;
      if (!found.empty()) picture_.notes.push_back(found + " and " + name + " both say that they lead");
      found = name;
      end = std::max({end, position(*told->patroni, "location"), position(*told->patroni, "replayed_location")});
    }
    if (!found.empty()) {
      put("leader", found);
    } else if (!view().unlocked() && live_.contains(view().leader->name)) {
      picture_.notes.push_back(view().leader->name + " led, and does not lead any more: there is no primary");
      view().leader.reset();
    }
    if (end == 0) {  // the furthest position that any member tells
      for (const auto& [name, member] : view().members) end = std::max(end, member.xlog_location.value_or(0));
    }
    if (!view().status) view().status.emplace();
    view().status->optime = std::max(end, view().status->optime.value_or(0));
  }

  const std::vector<Told>& told_;
  const core::ClusterView& remembered_;
  double now_s_;
  std::map<std::string, const Told*> live_;
  std::map<std::string, Json> keys_;  // the reconstructed member keys
  const Told* newest_ = nullptr;
  MembersPicture picture_;
};

}  // namespace

std::optional<MembersPicture> told_by_members(const std::vector<Told>& told, const core::ClusterView& remembered,
                                              double now_s) {
  return Picture(told, remembered, now_s).make();
}

}  // namespace tamada::ctl
