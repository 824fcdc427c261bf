#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "config/judge.h"
#include "config/profile.h"
#include "core/rewind.h"
#include "ctl/certificates.h"
#include "ctl/commands.h"
#include "ctl/member_choice.h"
#include "ctl/member_facts.h"
#include "ctl/sql.h"
#include "ctl/terminal.h"
#include "diagnosis/certificates.h"
#include "diagnosis/diagnosis.h"
#include "net/http_client.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
using diagnosis::Certificate;
using diagnosis::ClusterFacts;
using diagnosis::EtcdFacts;
using diagnosis::Finding;
using diagnosis::Grade;

std::vector<EtcdFacts> examine_etcd(Session& session, core::Duration timeout) {
  const auto& endpoints = session.local().etcd.endpoints;
  const auto answers = session.ask_etcd(endpoints, "/v3/maintenance/status", timeout);
  std::vector<EtcdFacts> all;
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    all.push_back(diagnosis::etcd_facts(endpoints[i], answers[i].response, answers[i].took));
  return all;
}

std::vector<Certificate> find_certificates(const Session& session, const ClusterFacts& facts) {
  const auto& local = session.local();
  auto all = diagnosis::certificates_in({{"restapi.certfile", local.restapi.certfile},
                                         {"restapi.cafile", local.restapi.cafile},
                                         {"ctl.certfile", local.ctl.certfile},
                                         {"ctl.cacert", local.ctl.cacert},
                                         {"etcd3.cert", local.etcd.cert},
                                         {"etcd3.cacert", local.etcd.cacert}});
  const auto served = [&](const std::string& who, const std::string& address) {
    const auto url = net::Url::parse(address);
    if (!url || url->scheme != "https") return;
    all.push_back(diagnosis::certificate_of("that of " + who, end_of_served_certificate(url->host, url->port, 2s)));
  };
  for (const auto& member : facts.members) {
    if (member.error.empty()) served(member.member.name + "'s REST API", member.member.api_url);
  }
  for (const auto& etcd : facts.etcd) {
    if (etcd.error.empty()) served("etcd " + etcd.endpoint, etcd.endpoint);
  }
  return all;
}

void find_slots(const Session& session, ClusterFacts& facts) {
  facts.slots = diagnosis::slots_by_key(facts.view);
  const auto* leader = facts.view.leader_member();
  const auto& login = session.local().postgresql.superuser;
  const auto is_leader = [&](const MemberFacts& member) { return leader && member.member.name == leader->name; };
  const auto found = std::ranges::find_if(facts.members, is_leader);
  // A host that does not answer would make libpq wait for seconds.
  if (found == facts.members.end() || !found->error.empty()) return;
  const SqlLogin who{.username = login.username, .password = login.password, .dbname = "postgres"};
  const auto table = run_sql(*leader, who,
                             "SELECT slot_name::text, active, coalesce(wal_status, '')::text, "
                             "coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
                             "ELSE pg_current_wal_lsn() END, restart_lsn), 0)::int8 FROM pg_replication_slots");
  if (!table) {
    facts.slots_problem = table.error().what;
    return;
  }
  facts.slots.clear();
  for (const auto& row : table->rows) {
    facts.slots.push_back({.name = row[0].get<std::string>(),
                           .wal_status = row[2].get<std::string>(),
                           .bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(row[3].get<std::int64_t>(), 0)),
                           .active = row[1].get<bool>()});
  }
}

void find_rewind_rights(const Session& session, ClusterFacts& facts) {
  const auto& postgresql = session.local().postgresql;
  const auto* leader = facts.view.leader_member();
  const auto& user = postgresql.rewind.username;
  if (leader == nullptr || user.empty() || user == postgresql.superuser.username) return;
  const SqlLogin who{
      .username = postgresql.superuser.username, .password = postgresql.superuser.password, .dbname = "postgres"};
  std::string literal = "'";
  for (const char c : user) literal += c == '\'' ? std::string("''") : std::string(1, c);
  const auto table = run_sql(*leader, who, core::rewind_functions_missing(literal + "'"));
  facts.rewind = {.user = user, .leader = leader->name, .error = table ? "" : table.error().what, .missing = {}};
  if (!table) return;
  for (const auto& row : table->rows) facts.rewind->missing.push_back(row[0].get<std::string>());
}

std::string line_of(const Finding& finding) {
  const char* words[] = {"ok  ", "WARN", "FAIL"};
  const Colour colours[] = {Colour::green, Colour::yellow, Colour::red};
  const auto grade = static_cast<std::size_t>(finding.grade);
  auto text = fmt::format("{}  {:<13}  {}\n", paint(words[grade], colours[grade]), finding.check, finding.text);
  if (!finding.next.empty()) text += fmt::format("{:21}{} {}\n", "", paint("->", Colour::dim), finding.next);
  return text;
}

// What the daemons make of the dynamic configuration.
void judge_configuration(ClusterFacts& facts) {
  auto config = wire::parse_object(facts.view.config_json.value_or("")).value_or(Json::object());
  facts.configuration = {.in_effect = config::with_profile(config),
                         .mistakes = config::mistakes_in(config, diagnosis::newest_server_version(facts.members))};
}

}  // namespace

Done doctor(Session& session, const JsonOptions& options) {
  auto cluster = session.look(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  warn_of(*cluster);
  ClusterFacts facts{.name = cluster->name, .view = std::move(cluster->view)};
  if (facts.view.members.empty()) return session.no_members(facts.name);
  facts.members = ask_members(session, facts.view, cluster->patience());
  judge_configuration(facts);
  facts.etcd = examine_etcd(session, cluster->source == Sighting::Source::etcd ? 3s : 700ms);
  facts.certificates = find_certificates(session, facts);
  find_slots(session, facts);
  find_rewind_rights(session, facts);
  facts.now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto findings = diagnosis::examine(facts);
  const auto count = [&](Grade grade) { return std::ranges::count(findings, grade, &Finding::grade); };
  const auto failures = count(Grade::failure), warnings = count(Grade::warning);
  if (options.json) {
    echo(wire::dump_python({{"cluster", facts.name}, {"findings", diagnosis::findings_json(findings)}}) + "\n");
  } else {
    for (const auto& finding : findings) echo(line_of(finding));
    echo(fmt::format("{} checks, {} warnings, {} failures\n", findings.size(), warnings, failures));
  }
  return failures == 0 && cluster->source == Sighting::Source::etcd
             ? Done()
             : core::fail(fmt::format("cluster {} is not well", facts.name));
}

}  // namespace tamada::ctl
