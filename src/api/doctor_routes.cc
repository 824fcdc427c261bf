// GET /tamada/doctor: what is wrong with the cluster, as far as a daemon can tell from the keys and the members'
// answers.
#include <nlohmann/json.hpp>

#include "api/errors.h"
#include "api/other_members.h"
#include "api/routes.h"
#include "diagnosis/diagnosis.h"
#include "net/side_by_side.h"
#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using diagnosis::ClusterFacts;
using diagnosis::MemberFacts;
using net::HttpResponse;

namespace {

awaitable<MemberFacts> ask_about(AskPeer peer, net::Clock& clock, core::Member member) {
  auto url = url_of(member, "/tamada/explain");
  core::Result<HttpResponse> explain = core::fail("it has published no usable api_url");
  const auto sent = clock.wall();
  const auto began = clock.now();
  if (!url.empty()) explain = co_await peer(std::move(url));
  const auto took = clock.now() - began;
  // A member that does not answer is not waited for twice.
  auto patroni = explain;
  if (explain) patroni = co_await peer(url_of(member, "/patroni"));
  co_return diagnosis::member_facts(std::move(member), patroni, explain, sent, took);
}

// One answer of the round: of a member, or of what is around this node.
struct Told {
  MemberFacts member;
  diagnosis::Surroundings around;
};

awaitable<Told> told_by_member(AskPeer peer, net::Clock& clock, core::Member member) {
  co_return Told{.member = co_await ask_about(std::move(peer), clock, std::move(member)), .around = {}};
}

awaitable<Told> told_by(LookAround look_around) { co_return Told{.member = {}, .around = co_await look_around()}; }

}  // namespace

awaitable<HttpResponse> RestApi::ask_doctor() {
  const auto snapshot = board_.latest();
  const auto& cluster = snapshot->seen.cluster;
  if (!cluster.loaded) co_return error_page(503, "the keys of the cluster are not known");
  std::map<std::string, awaitable<Told>> questions;
  if (options_.look_around) questions.emplace("", told_by(options_.look_around));
  for (const auto& [name, member] : cluster.members) {
    if (name != options_.name) questions.emplace(name, told_by_member(options_.ask_peer, clock_, member));
  }
  auto answers = co_await net::side_by_side(std::move(questions));
  ClusterFacts facts{.name = options_.scope, .view = cluster, .now = clock_.wall()};
  for (const auto& [name, member] : cluster.members) {
    if (name == options_.name) {
      facts.members.push_back(diagnosis::member_facts(member, patroni(), explanation(), facts.now, {}));
      continue;
    }
    auto& told = facts.members.emplace_back(std::move(answers[name].member));
    if (told.member.name.empty()) told = MemberFacts{.member = member, .error = "it could not be asked"};
  }
  auto& around = answers[""].around;
  facts.etcd = std::move(around.etcd);
  facts.certificates = std::move(around.certificates);
  facts.rewind = std::move(around.rewind);
  facts.slots = diagnosis::slots_by_key(cluster);
  const auto config = wire::parse_object(cluster.config_json.value_or("")).value_or(Json::object());
  facts.configuration.in_effect = config;
  if (options_.read_configuration)
    facts.configuration = options_.read_configuration(config, diagnosis::newest_server_version(facts.members));
  co_return json(200, {{"cluster", options_.scope},
                       {"member", options_.name},
                       {"time", wire::format_iso(facts.now)},
                       {"findings", diagnosis::findings_json(diagnosis::examine(facts))}});
}

}  // namespace tamada::api
