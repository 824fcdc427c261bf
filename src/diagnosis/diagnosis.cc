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

constexpr double etcd_slow_ms = 100;  // each heartbeat and each write of the leader waits as long as etcd takes
// A server that is further behind needs a snapshot. Source: etcd's DefaultSnapshotCatchUpEntries.
constexpr std::int64_t etcd_behind_entries = 5000;
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
  void add(Code code, Values values = {}) { found_.push_back(finding(code, std::move(values))); }
  // Adds the finding, unless something was found since `before`.
  void or_else(std::size_t before, Code code, Values values = {}) {
    if (found_.size() == before) add(code, std::move(values));
  }
  std::int64_t setting(const char* name, std::int64_t fallback) const {
    return wire::integer_at(config_, name).value_or(fallback);
  }

  void etcd() {
    std::size_t down = 0;
    std::int64_t newest = 0;
    for (const auto& one : facts_.etcd) newest = std::max(newest, one.index);
    for (const auto& one : facts_.etcd) {
      const auto what =
          one.endpoint + " (" + one.version + ", " + format_bytes(static_cast<std::uint64_t>(one.db_bytes)) + ")";
      if (!one.error.empty()) {
        ++down;
        add("etcd_silent", {{"error", one.error}});
      } else if (!one.complaints.empty()) {
        add("etcd_complains",
            {{"etcd", one.endpoint}, {"complaints", fmt::format("{}", fmt::join(one.complaints, "; "))}});
      } else if (one.index > 0 && newest - one.index > etcd_behind_entries) {
        add("etcd_behind", {{"etcd", one.endpoint}, {"entries", std::to_string(newest - one.index)}});
      } else if (one.ms > etcd_slow_ms) {
        add("etcd_slow", {{"etcd", what}, {"ms", fmt::format("{:.0f}", one.ms)}});
      } else {
        add("etcd_answers", {{"etcd", what}, {"ms", fmt::format("{:.1f}", one.ms)}});
      }
    }
    if (facts_.etcd.size() > 1 && down * 2 >= facts_.etcd.size()) add("etcd_no_majority");
  }

  void members() {
    const auto before = found_.size();
    for (const auto& member : facts_.members) {
      if (!member.error.empty()) add("member_silent", {{"member", member.member.name}, {"error", member.error}});
    }
    for (const auto& [name, since] : missing_members(facts_.view)) {
      if (!since) {
        add("member_without_key", {{"member", name}});
        continue;
      }
      const auto gone = std::chrono::duration<double>(facts_.now - *since).count();
      add("member_gone", {{"member", name}, {"age", format_age(gone)}});
    }
    or_else(before, "members_answer", {{"count", std::to_string(facts_.members.size())}});
  }

  // Reports the problems that each member tells. For a member that does not answer, it reports those in its key.
  void problems() {
    const auto before = found_.size();
    std::map<std::pair<std::string, std::string>, std::string> tellers;  // kind and text -> members
    const auto hear = [&](const std::string& kind, const std::string& text, const std::string& member) {
      auto& names = tellers[{kind, text}];
      names += (names.empty() ? "" : ", ") + member;
    };
    for (const auto& member : facts_.members) {
      const Json* told = member.patroni ? wire::find(*member.patroni, "problems") : nullptr;
      if (told && told->is_array()) {
        for (const auto& one : *told) hear(wire::text_at(one, "kind"), wire::text_at(one, "text"), member.member.name);
      } else if (!member.patroni && !member.member.trouble.empty()) {
        hear(std::string(core::name(core::ProblemKind::job)), member.member.trouble, member.member.name);
      }
    }
    for (const auto& [problem, members] : tellers)
      add(code_of(core::problem_kind(problem.first)), {{"members", members}, {"problem", problem.second}});
    or_else(before, "problems_none");
  }

  // nullopt stands for a kind that only a later version of the daemon knows.
  static Code code_of(std::optional<core::ProblemKind> kind) {
    using Kind = core::ProblemKind;
    switch (kind.value_or(Kind::job)) {
      case Kind::configuration:
        return "problem_configuration";
      case Kind::certificate:
        return "problem_certificate";
      case Kind::security:
        return "problem_security";
      case Kind::guard:
        return "problem_guard";
      case Kind::disk:
        return "problem_disk";
      case Kind::rewind:
        return "problem_rewind";
      case Kind::access:
        return "problem_access";
      case Kind::archive:
        return "problem_archive";
      case Kind::clock:
        return "problem_clock";
      case Kind::slots:
        return "problem_slots";
      case Kind::watchdog:
      case Kind::dcs:
      case Kind::keys:
      case Kind::connections:
      case Kind::job:
        break;
    }
    return "problem";
  }

  // The configuration is judged as the daemons judge a change, because it may have been written before they did so.
  void configuration() {
    const auto before = found_.size();
    for (const auto& mistake : facts_.configuration.mistakes)
      add("configuration_mistake", {{"mistake", mistake}, {"cluster", facts_.name}});
    or_else(before, "configuration_fine");
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
      add("no_leader");
    } else if (primaries.size() > 1) {
      add("several_primaries", {{"count", std::to_string(primaries.size())},
                                {"members", fmt::format("{}", fmt::join(primaries, ", "))},
                                {"leader", leader}});
    } else if (standby_cluster) {
      primaries.empty() ? add("primary_elsewhere", {{"leader", leader}})
                        : add("primary_in_standby_cluster", {{"member", primaries[0]}});
    } else if (primaries.empty()) {
      add("no_primary", {{"leader", leader}});
    } else if (primaries[0] != leader) {
      add("primary_without_key", {{"member", primaries[0]}, {"leader", leader}});
    } else {
      add("primary_leads", {{"leader", leader}});
    }
  }

  void promotable() {
    std::vector<std::string> able, reasons;
    for (const auto& member : facts_.members) {
      if (facts_.view.leader && facts_.view.leader->name == member.member.name) continue;
      const auto why = why_not(member);
      why.empty() ? able.push_back(member.member.name) : reasons.push_back(member.member.name + ": " + why);
    }
    if (!able.empty()) return add("failover_possible", {{"members", fmt::format("{}", fmt::join(able, ", "))}});
    reasons.empty() ? add("no_standby")
                    : add("failover_impossible", {{"reasons", fmt::format("{}", fmt::join(reasons, "; "))}});
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
    Values values = {{"loop_wait", std::to_string(wait)},
                     {"retry_timeout", std::to_string(retry)},
                     {"sum", std::to_string(wait + 2 * retry)},
                     {"ttl", std::to_string(ttl)}};
    for (const char* name : {"ttl", "loop_wait", "retry_timeout"}) {
      if (!is_default_for_want_of_a_number(name)) continue;
      values.emplace_back("setting", name);
      return add("ttl_no_number", std::move(values));
    }
    add(wait + 2 * retry <= ttl ? Code("ttl_fits") : Code("ttl_too_short"), std::move(values));
  }

  void pause() {
    if (wire::cluster_modes(facts_.view).paused) add("paused");
  }

  void synchronous() {
    if (!wire::cluster_modes(facts_.view).synchronous) return;
    const auto& sync = facts_.view.sync;
    if (!sync || sync->standbys.empty()) return add("nobody_synchronous");
    add(sync->standbys.size() == 1 ? Code("one_synchronous") : Code("several_synchronous"),
        {{"members", fmt::format("{}", fmt::join(sync->standbys, ", "))}});
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
    if (skew - error <= clock_warning_s)
      return add("clocks_agree", {{"seconds", fmt::format("{:.3f}", slow == fast ? error : skew + error)}});
    add("clocks_differ",
        {{"member", fast->member.name}, {"seconds", fmt::format("{:.1f}", skew)}, {"other", slow->member.name}});
  }

  void versions() {
    std::map<std::string, std::string> daemons, servers;  // version -> members
    const auto note = [](auto& into, const std::string& version, const std::string& member) {
      if (!version.empty()) into[version] += (into[version].empty() ? "" : ", ") + member;
    };
    for (const auto& member : facts_.members) {
      if (!member.patroni) continue;
      if (const Json* daemon = wire::find(*member.patroni, "patroni"))
        note(daemons, wire::text_at(*daemon, "version"), member.member.name);
      const auto server = wire::integer_at(*member.patroni, "server_version").value_or(0);
      if (server > 0) note(servers, format_pg_version(server), member.member.name);
    }
    report_versions(daemons, "patroni_versions_agree", "patroni_versions_differ");
    report_versions(servers, "server_versions_agree", "server_versions_differ");
  }

  void report_versions(const std::map<std::string, std::string>& versions, Code agree, Code differ) {
    if (versions.size() == 1) return add(agree, {{"version", versions.begin()->first}});
    if (versions.empty()) return;
    std::string text;
    for (const auto& [version, members] : versions) text += (text.empty() ? "" : "; ") + version + " on " + members;
    add(differ, {{"versions", text}});
  }

  void restarts() {
    const auto before = found_.size();
    for (const auto& member : facts_.members) {
      if (!member.member.pending_restart) continue;
      std::string parameters;
      const auto reasons = wire::parse_object(member.member.pending_restart_reason_json);
      for (const auto& [parameter, values] : reasons.value_or(Json::object()).items()) {
        parameters += (parameters.empty() ? "" : ", ") + parameter;
      }
      Values values = {{"cluster", facts_.name}, {"member", member.member.name}};
      if (!parameters.empty()) values.emplace_back("parameters", parameters);
      add(parameters.empty() ? Code("restart_pending") : Code("restart_pending_for"), std::move(values));
    }
    or_else(before, "restarts_none");
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
        add("not_streaming", {{"member", name}, {"state", state}});
      } else if (lag && *lag > limit) {
        add("too_far_behind", {{"member", name},
                               {"lag", format_bytes(static_cast<std::uint64_t>(*lag))},
                               {"limit", format_bytes(static_cast<std::uint64_t>(limit))}});
      } else if (leader && leader->timeline && timeline && *timeline != static_cast<std::int64_t>(*leader->timeline)) {
        add("other_timeline", {{"member", name},
                               {"timeline", std::to_string(*timeline)},
                               {"leaders", std::to_string(*leader->timeline)}});
      }
    }
    or_else(before, "replication_fine");
  }

  void slots() {
    const auto before = found_.size();
    for (const auto& slot : facts_.slots) {
      if (slot.wal_status == "lost" || slot.wal_status == "unreserved") {
        add("slot_lost", {{"slot", slot.name}, {"wal_status", slot.wal_status}});
      } else if (slot.bytes > slot_warning_bytes) {
        add(slot.active.value_or(true) ? Code("slot_holds_wal") : Code("slot_without_reader"),
            {{"slot", slot.name}, {"bytes", format_bytes(slot.bytes)}});
      }
    }
    if (!facts_.slots_problem.empty()) add("slots_by_key", {{"error", facts_.slots_problem}});
    or_else(before, "slots_fine",
            {{"count", std::to_string(facts_.slots.size())}, {"limit", format_bytes(slot_warning_bytes)}});
  }

  void rewind() {
    if (!facts_.rewind) return;
    const auto& [user, leader, error, missing] = *facts_.rewind;
    if (!error.empty()) return add("rewind_unknown", {{"user", user}, {"error", error}});
    if (missing.empty()) return add("rewind_allowed", {{"user", user}, {"leader", leader}});
    std::string grants;
    for (const auto& function : missing) grants += (grants.empty() ? "" : "; ") + core::rewind_grant(function, user);
    add("rewind_forbidden", {{"user", user},
                             {"functions", fmt::format("{}", fmt::join(missing, ", "))},
                             {"leader", leader},
                             {"grants", grants}});
  }

  void certificates() {
    for (const auto& certificate : facts_.certificates) {
      if (!certificate.ends) {
        add("certificate_unreadable", {{"certificate", certificate.where}, {"error", certificate.error}});
        continue;
      }
      const auto left = *certificate.ends - facts_.now;
      const auto days = std::chrono::duration_cast<std::chrono::days>(left).count();
      const auto code = left < std::chrono::seconds(0) ? Code("certificate_ended")
                        : left < certificate_warning   ? Code("certificate_ends")
                                                       : Code("certificate_good");
      add(code, {{"certificate", certificate.where}, {"days", std::to_string(std::abs(days))}});
    }
  }

  const ClusterFacts& facts_;
  const Json& config_;
  std::vector<Finding> found_;
};

// Puts the values into the text, each in the place of its name in braces. What a value contains stays as it is.
std::string filled(std::string_view text, const Values& values) {
  std::string out;
  while (!text.empty()) {
    const auto open = std::min(text.find('{'), text.size());
    out += text.substr(0, open);
    text.remove_prefix(open);
    if (text.empty()) break;
    const auto name = text.substr(1, text.find('}') - 1);
    const auto value = std::ranges::find(values, name, &Values::value_type::first);
    if (value != values.end()) out += value->second;
    text.remove_prefix(name.size() + 2);
  }
  return out;
}

}  // namespace

Finding finding(Code code, Values values) {
  const auto& said = code.text;
  return {.grade = said.grade,
          .check = std::string(said.check),
          .text = filled(said.text, values),
          .next = filled(said.next, values),
          .code = std::string(said.code),
          .values = std::move(values)};
}

std::vector<Finding> examine(const ClusterFacts& facts) { return Examination(facts).findings(); }

Json findings_json(const std::vector<Finding>& findings) {
  const char* words[] = {"ok", "warning", "failure"};
  auto all = Json::array();
  for (const auto& finding : findings) {
    Json one = {
        {"check", finding.check}, {"grade", words[static_cast<std::size_t>(finding.grade)]}, {"text", finding.text}};
    if (!finding.next.empty()) one["next"] = finding.next;
    one["code"] = finding.code;
    auto& values = one["values"] = Json::object();
    for (const auto& [name, value] : finding.values) values[name] = value;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace tamada::diagnosis
