#include "diagnosis/diagnosis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/problem.h"
#include "core/rewind.h"
#include "diagnosis/missing.h"
#include "diagnosis/words.h"
#include "wire/cluster_json.h"
#include "wire/json.h"

namespace tamada::diagnosis {
namespace {

using Grade = Finding::Grade;

constexpr double etcd_slow_ms = 100;  // each heartbeat and each write of the leader waits as long as etcd takes
// With a larger difference, journals and logs are out of order, and scheduled actions run at the wrong time.
constexpr double clock_warning_s = 1;
constexpr std::uint64_t slot_warning_bytes = std::uint64_t{1} << 30;
constexpr auto certificate_warning = std::chrono::days(30);

class Examination {
 public:
  explicit Examination(const ClusterFacts& facts) : facts_(facts), config_(facts.configuration.in_effect) {}

  std::vector<Finding> findings() && {
    etcd();
    members();
    primary();
    promotable();
    problems();
    configuration();
    ttl();
    pause();
    synchronous();
    clocks();
    versions();
    restarts();
    replication();
    slots();
    rewind();
    certificates();
    return std::move(found_);
  }

 private:
  void ok(std::string check, std::string text) { found_.push_back({Grade::ok, std::move(check), std::move(text), ""}); }
  void warning(std::string check, std::string text, std::string next) {
    found_.push_back({Grade::warning, std::move(check), std::move(text), std::move(next)});
  }
  void failure(std::string check, std::string text, std::string next) {
    found_.push_back({Grade::failure, std::move(check), std::move(text), std::move(next)});
  }
  // Adds an "ok", unless something was found since `before`.
  void or_ok(std::size_t before, std::string check, std::string text) {
    if (found_.size() == before) ok(std::move(check), std::move(text));
  }
  std::int64_t setting(const char* name, std::int64_t fallback) const {
    return wire::integer_at(config_, name).value_or(fallback);
  }

  void etcd() {
    std::size_t down = 0;
    for (const auto& one : facts_.etcd) {
      const auto what =
          one.endpoint + " (" + one.version + ", " + format_bytes(static_cast<std::uint64_t>(one.db_bytes)) + ")";
      if (!one.error.empty()) {
        ++down;
        warning("etcd", one.error, "start it, or take it out of the configuration");
      } else if (one.ms > etcd_slow_ms) {
        warning("etcd", fmt::format("{} takes {:.0f} ms to answer", what, one.ms),
                "look at its disk (etcd_disk_wal_fsync_duration_seconds) and its network");
      } else {
        ok("etcd", fmt::format("{} answers in {:.1f} ms", what, one.ms));
      }
    }
    if (facts_.etcd.size() > 1 && down * 2 >= facts_.etcd.size()) {
      failure("etcd", "half of the endpoints or more are down", "without a majority of etcd no member can lead");
    }
  }

  void members() {
    const auto before = found_.size();
    for (const auto& member : facts_.members) {
      if (!member.error.empty()) {
        failure("members", member.member.name + " does not answer: " + member.error,
                "start its daemon, or open the port of its REST API to this host");
      }
    }
    for (const auto& one : missing_members(facts_.view)) {
      failure("members", describe(one, facts_.now) + " is missing",
              "start its daemon, or find out why it does not renew its key; a member that was removed is forgotten "
              "after a day");
    }
    or_ok(before, "members", fmt::format("all {} answer", facts_.members.size()));
  }

  // Reports the problems that each member tells. For a member that does not answer, it reports those in its key.
  void problems() {
    const auto before = found_.size();
    std::map<std::pair<std::string, std::string>, std::string> tellers;  // kind and text -> members
    const auto add = [&](const std::string& kind, const std::string& text, const std::string& member) {
      auto& names = tellers[{kind, text}];
      names += (names.empty() ? "" : ", ") + member;
    };
    for (const auto& member : facts_.members) {
      const Json* told = member.patroni ? wire::find(*member.patroni, "problems") : nullptr;
      if (told && told->is_array()) {
        for (const auto& one : *told) add(wire::text_at(one, "kind"), wire::text_at(one, "text"), member.member.name);
      } else if (!member.patroni && !member.member.trouble.empty()) {
        add(std::string(core::name(core::ProblemKind::job)), member.member.trouble, member.member.name);
      }
    }
    for (const auto& [problem, members] : tellers) {
      const auto text = members + ": " + problem.second;
      const auto kind = core::problem_kind(problem.first);
      kind == core::ProblemKind::security ? failure("problems", text, remedy(kind))
                                          : warning("problems", text, remedy(kind));
    }
    or_ok(before, "problems", "no member reports a problem");
  }

  // What the operator can do. nullopt stands for a kind that only a later version of the daemon knows.
  static std::string remedy(std::optional<core::ProblemKind> kind) {
    using Kind = core::ProblemKind;
    switch (kind.value_or(Kind::job)) {
      case Kind::configuration:
        return "correct it: edit-config, or the file of the member and reload";
      case Kind::certificate:
        return "write certificate and key again, complete and as a pair; the next connection reads them";
      case Kind::security:
        return "set restapi.authentication, restapi.verify_client or restapi.allowlist";
      case Kind::guard:
        return "without a guard a primary whose daemon freezes goes on writing; the daemon's log tells more";
      case Kind::disk:
        return "make room, or look at the device: df, df -i, dmesg";
      case Kind::rewind:
        return "reinit copies the member anew, once the cause is repaired";
      case Kind::access:
        return "correct the line: postgresql.pg_hba, or the file itself";
      case Kind::archive:
        return "run archive_command by hand; until it succeeds pg_wal grows";
      case Kind::clock:
        return "timedatectl, chronyc tracking: on this host and on etcd's";
      case Kind::slots:
        return "let its reader catch up, or drop it; max_slot_wal_keep_size bounds what a slot may hold";
      case Kind::watchdog:
      case Kind::dcs:
      case Kind::keys:
      case Kind::connections:
      case Kind::job:
        break;
    }
    return "explain and the daemon's log tell more";
  }

  // The configuration is judged as the daemons judge a change, because it may have been written before they did so.
  void configuration() {
    const auto before = found_.size();
    for (const auto& mistake : facts_.configuration.mistakes)
      warning("configuration", mistake, "edit-config " + facts_.name);
    or_ok(before, "configuration", "each key of the dynamic configuration takes effect");
  }

  // Whether the interval is set but is not a number, so that the daemons use the default.
  bool is_default_for_want_of_a_number(const char* name) const {
    const Json* value = wire::find(config_, name);
    return value && !value->is_null() && !wire::integer_at(config_, name);
  }

  void primary() {
    const bool standby_cluster = wire::cluster_modes(facts_.view).standby_cluster;
    std::vector<std::string> primaries;
    for (const auto& member : facts_.members) {
      if (!member.patroni || wire::text_at(*member.patroni, "state") != "running") continue;
      const auto role = wire::text_at(*member.patroni, "role");
      if (role == "primary" || role == "master") primaries.push_back(member.member.name);
    }
    const auto leader = facts_.view.unlocked() ? std::string() : facts_.view.leader->name;
    if (leader.empty()) {
      failure("primary", "nobody holds the leader key", "explain tells what keeps each member from being promoted");
    } else if (primaries.size() > 1) {
      failure("primary", fmt::format("{} members take writes: {}", primaries.size(), fmt::join(primaries, ", ")),
              "fence all but the leader, " + leader + ", at once");
    } else if (standby_cluster) {
      primaries.empty() ? ok("primary", "none, which is right for a standby cluster; its leader is " + leader)
                        : failure("primary", primaries[0] + " takes writes in a standby cluster", "explain tells more");
    } else if (primaries.empty()) {
      failure("primary", "no member says that it takes writes; the leader key is " + leader + "'s",
              "explain " + leader + " tells what it is doing");
    } else if (primaries[0] != leader) {
      failure("primary", primaries[0] + " takes writes, and " + leader + " holds the leader key",
              "fence " + primaries[0] + " at once");
    } else {
      ok("primary", leader + " takes writes, and nobody else");
    }
  }

  void promotable() {
    std::vector<std::string> able, reasons;
    for (const auto& member : facts_.members) {
      if (facts_.view.leader && facts_.view.leader->name == member.member.name) continue;
      const auto why = why_not(member);
      why.empty() ? able.push_back(member.member.name) : reasons.push_back(member.member.name + ": " + why);
    }
    if (!able.empty()) return ok("failover", fmt::format("could go to {}", fmt::join(able, ", ")));
    warning("failover",
            "nobody could take over" + (reasons.empty() ? "" : ": " + fmt::format("{}", fmt::join(reasons, "; "))),
            reasons.empty() ? "add a member" : "explain tells more");
  }

  // Why a member that is not the leader could not take over; empty when it could.
  static std::string why_not(const MemberFacts& member) {
    if (!member.error.empty()) return "no answer";
    if (!member.explain) return member.member.tags.may_be_promoted() ? "" : "tagged nofailover";
    const Json* gates = wire::find(*member.explain, "gates");
    if (!gates || !gates->is_array()) return "";
    for (const auto& gate : *gates) {
      const auto name = wire::text_at(gate, "gate");
      const Json* open = wire::find(gate, "open");
      const bool is_open = open && open->is_boolean() && open->get<bool>();
      // These two gates are closed in a healthy cluster, too: the leader holds the key, and in pause nobody is
      // promoted.
      if (name == "leader_key" || name == "pause" || is_open) continue;
      return wire::text_at(gate, "reason");
    }
    return "";
  }

  void ttl() {
    const auto ttl = setting("ttl", 30), wait = setting("loop_wait", 10), retry = setting("retry_timeout", 10);
    const auto rule =
        fmt::format("loop_wait {} + 2 * retry_timeout {} = {}, ttl {}", wait, retry, wait + 2 * retry, ttl);
    for (const char* name : {"ttl", "loop_wait", "retry_timeout"}) {
      if (is_default_for_want_of_a_number(name)) {
        return warning("ttl",
                       rule + fmt::format("; the default of {} is used, because its value is not a number", name),
                       fmt::format("edit-config -s {}=NUMBER", name));
      }
    }
    if (wait + 2 * retry <= ttl) return ok("ttl", rule);
    warning("ttl", rule + ": the daemons lower loop_wait and retry_timeout by themselves",
            fmt::format("edit-config -s ttl={}", wait + 2 * retry));
  }

  void pause() {
    if (!wire::cluster_modes(facts_.view).paused) return;
    warning("pause", "the cluster is paused: there is no automatic failover", "resume ends it");
  }

  void synchronous() {
    if (!wire::cluster_modes(facts_.view).synchronous) return;
    const auto& sync = facts_.view.sync;
    if (sync && !sync->standbys.empty()) {
      return ok("synchronous", fmt::format("{} {} synchronous", fmt::join(sync->standbys, ", "),
                                           sync->standbys.size() == 1 ? "is" : "are"));
    }
    warning("synchronous", "synchronous_mode is on, and no standby is synchronous, so commits wait for no standby",
            "list shows who streams; tags nosync keep a member out");
  }

  void clocks() {
    const MemberFacts *slow = nullptr, *fast = nullptr;
    for (const auto& member : facts_.members) {
      if (!member.clock_s) continue;
      if (slow == nullptr || *member.clock_s < *slow->clock_s) slow = &member;
      if (fast == nullptr || *member.clock_s > *fast->clock_s) fast = &member;
    }
    if (slow == nullptr) return;
    const double skew = *fast->clock_s - *slow->clock_s, error = fast->clock_error_s + slow->clock_error_s;
    if (skew - error <= clock_warning_s) {
      return ok("clocks", fmt::format("no two differ by more than {:.3f} s", slow == fast ? error : skew + error));
    }
    warning("clocks", fmt::format("{} is {:.1f} s ahead of {}", fast->member.name, skew, slow->member.name),
            "is a time service (chrony, systemd-timesyncd) running there?");
  }

  void versions() {
    std::map<std::string, std::string> daemons, servers;  // version -> members
    const auto add = [](auto& into, const std::string& version, const std::string& member) {
      if (!version.empty()) into[version] += (into[version].empty() ? "" : ", ") + member;
    };
    for (const auto& member : facts_.members) {
      if (!member.patroni) continue;
      if (const Json* daemon = wire::find(*member.patroni, "patroni"))
        add(daemons, wire::text_at(*daemon, "version"), member.member.name);
      const auto server = wire::integer_at(*member.patroni, "server_version").value_or(0);
      if (server > 0) add(servers, format_pg_version(server), member.member.name);
    }
    report_versions("Patroni's interface", daemons);
    report_versions("PostgreSQL", servers);
  }

  void report_versions(const std::string& what, const std::map<std::string, std::string>& versions) {
    if (versions.size() == 1) return ok("versions", what + " " + versions.begin()->first + " on all members that tell");
    if (versions.empty()) return;
    std::string text;
    for (const auto& [version, members] : versions) text += (text.empty() ? "" : "; ") + version + " on " + members;
    warning("versions", what + " differs: " + text, "finish the update, member by member, the leader last");
  }

  void restarts() {
    const auto before = found_.size();
    for (const auto& member : facts_.members) {
      if (!member.member.pending_restart) continue;
      std::string parameters;
      const auto reasons = wire::parse_object(member.member.pending_restart_reason_json);
      for (const auto& [parameter, values] : reasons.value_or(Json::object()).items()) {
        parameters += (parameters.empty() ? " (" : ", ") + parameter;
      }
      warning("restarts", member.member.name + " waits for a restart" + (parameters.empty() ? "" : parameters + ")"),
              "restart " + facts_.name + " " + member.member.name + " --pending");
    }
    or_ok(before, "restarts", "none is pending");
  }

  void replication() {
    if (facts_.view.unlocked()) return;  // without a leader there is no server to stream from
    const auto before = found_.size();
    const Json cluster = wire::cluster_json(facts_.view);
    const auto limit = setting("maximum_lag_on_failover", 1048576);
    const auto* leader = facts_.view.leader_member();
    for (const auto& member : cluster["members"]) {
      const auto name = wire::text_at(member, "name"), state = wire::text_at(member, "state");
      if (leader && leader->name == name) continue;
      const auto lag = wire::integer_at(member, "lag");
      const auto timeline = wire::integer_at(member, "timeline");
      if (state != "streaming" && state != "in archive recovery") {
        warning("replication", name + " is " + state + ", not streaming", "explain " + name + " tells why");
      } else if (lag && *lag > limit) {
        warning("replication",
                fmt::format("{} is {} behind, more than maximum_lag_on_failover ({})", name,
                            format_bytes(static_cast<std::uint64_t>(*lag)),
                            format_bytes(static_cast<std::uint64_t>(limit))),
                "it cannot be promoted until it has caught up");
      } else if (leader && leader->timeline && timeline && *timeline != static_cast<std::int64_t>(*leader->timeline)) {
        warning("replication",
                fmt::format("{} is on timeline {}, the leader on {}", name, *timeline, *leader->timeline),
                "explain " + name + " tells whether it follows the leader; reinit copies it anew");
      }
    }
    or_ok(before, "replication", "all standbys stream within the limit");
  }

  void slots() {
    const auto before = found_.size();
    for (const auto& slot : facts_.slots) {
      const auto what = fmt::format("{} holds {} of WAL{}", slot.name, format_bytes(slot.bytes),
                                    slot.active.value_or(true) ? "" : ", and no reader is connected");
      const auto next = "is its reader coming back? Otherwise: SELECT pg_drop_replication_slot('" + slot.name + "')";
      if (slot.wal_status == "lost" || slot.wal_status == "unreserved") {
        failure("slots", slot.name + ": its WAL is " + slot.wal_status, "its reader has to be set up anew");
      } else if (slot.bytes > slot_warning_bytes) {
        warning("slots", what, next);
      }
    }
    if (!facts_.slots_problem.empty()) {
      ok("slots", "known only from the key status, because the server could not be asked: " + facts_.slots_problem);
    }
    or_ok(before, "slots",
          fmt::format("none of {} holds more than {} of WAL", facts_.slots.size(), format_bytes(slot_warning_bytes)));
  }

  void rewind() {
    if (!facts_.rewind) return;
    const auto& [user, leader, error, missing] = *facts_.rewind;
    if (!error.empty())
      return warning("pg_rewind", "the rights of " + user + " are not known: " + error,
                     "see the server's log; postgresql.authentication.rewind names the user");
    if (missing.empty()) return ok("pg_rewind", user + " may call on " + leader + " all functions that it needs");
    std::string grants;
    for (const auto& function : missing) grants += (grants.empty() ? "" : "; ") + core::rewind_grant(function, user);
    warning("pg_rewind",
            fmt::format("{} may not call {} on {}: a diverged member cannot be rewound", user, fmt::join(missing, ", "),
                        leader),
            "psql on the leader: " + grants);
  }

  void certificates() {
    for (const auto& certificate : facts_.certificates) {
      if (!certificate.ends) {
        warning("certificates", certificate.where + ": " + certificate.error, "see the configuration");
        continue;
      }
      const auto left = *certificate.ends - facts_.now;
      const auto days = std::chrono::duration_cast<std::chrono::days>(left).count();
      if (left < std::chrono::seconds(0)) {
        failure("certificates", fmt::format("{} ended {} days ago", certificate.where, -days), "renew it, and reload");
      } else if (left < certificate_warning) {
        warning("certificates", fmt::format("{} ends in {} days", certificate.where, days), "renew it, and reload");
      } else {
        ok("certificates", fmt::format("{} is good for {} days", certificate.where, days));
      }
    }
  }

  const ClusterFacts& facts_;
  const Json& config_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> examine(const ClusterFacts& facts) { return Examination(facts).findings(); }

Json findings_json(const std::vector<Finding>& findings) {
  const char* words[] = {"ok", "warning", "failure"};
  auto all = Json::array();
  for (const auto& finding : findings) {
    Json one = {
        {"check", finding.check}, {"grade", words[static_cast<std::size_t>(finding.grade)]}, {"text", finding.text}};
    if (!finding.next.empty()) one["next"] = finding.next;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace tamada::diagnosis
