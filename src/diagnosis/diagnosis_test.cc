#include "diagnosis/diagnosis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "diagnosis/words.h"

namespace tamada::diagnosis {
namespace {

using namespace std::chrono_literals;

MemberFacts member(const std::string& name, const std::string& role) {
  MemberFacts facts;
  facts.member.name = name;
  facts.member.role = role;
  facts.member.state = "running";
  facts.member.replication_state = role == "primary" ? "" : "streaming";
  facts.member.timeline = 3;
  facts.member.xlog_location = facts.member.receive_lsn = facts.member.replay_lsn = 0x5000000;
  facts.patroni =
      Json{{"state", "running"}, {"role", role}, {"server_version", 150020}, {"patroni", {{"version", "4.1.4"}}}};
  facts.explain =
      Json{{"gates", Json::array({{{"gate", "leader_key"}, {"open", false}, {"reason", "n0 holds the leader key"}}})}};
  facts.clock_s = 0.01;
  facts.clock_error_s = 0.001;
  return facts;
}

ClusterFacts well() {
  ClusterFacts facts;
  facts.name = "demo";
  facts.members = {member("n0", "primary"), member("n1", "replica")};
  for (const auto& one : facts.members) facts.view.members[one.member.name] = one.member;
  facts.view.leader = core::Leader{.name = "n0"};
  facts.view.config_json = R"({"ttl":30,"loop_wait":10,"retry_timeout":10})";
  facts.configuration.in_effect = Json::parse(*facts.view.config_json);
  facts.view.status = core::Status{.optime = 0x5000000};
  facts.etcd = {{.endpoint = "http://e0:2379", .version = "3.4.23", .error = "", .ms = 1.5, .db_bytes = 20480}};
  facts.slots = {{.name = "n1", .wal_status = "reserved", .bytes = 100, .active = true}};
  facts.certificates = {{.where = "c", .ends = core::WallTime(100 * 24h), .error = ""}};
  facts.now = core::WallTime(0s);
  return facts;
}

// The names in braces of the texts of a code.
std::vector<std::string> named(const std::string& code) {
  const auto& said = *std::ranges::find(texts, code, &Text::code);
  std::vector<std::string> names;
  for (const auto text : {said.text, said.next}) {
    for (auto at = text.find('{'); at != text.npos; at = text.find('{', at + 1))
      names.emplace_back(text.substr(at + 1, text.find('}', at) - at - 1));
  }
  return names;
}

// Each finding that is not "ok", as "warning clocks: text".
std::string complaints(const ClusterFacts& facts) {
  std::string text;
  for (const auto& finding : examine(facts)) {
    if (finding.grade == Grade::ok) continue;
    EXPECT_NE(finding.next, "") << finding.text;
    EXPECT_FALSE((finding.text + finding.next).contains('{')) << finding.text;
    for (const auto& name : named(finding.code))
      EXPECT_EQ(std::ranges::count(finding.values, name, &Values::value_type::first), 1)
          << finding.code << ": " << name;
    text += (text.empty() ? "" : " | ") + finding.check + ": " + finding.text;
  }
  return text;
}

TEST(Doctor, ReportsNoProblemOfAHealthyCluster) {
  EXPECT_EQ(complaints(well()), "");
  const auto findings = examine(well());
  EXPECT_GE(findings.size(), 10U);
}

TEST(Doctor, FindsWhatIsWrong) {
  const struct {
    std::function<void(ClusterFacts&)> spoil;
    const char* complaint;
  } cases[] = {
      {[](auto& f) { f.etcd[0].error = "etcd e0: refused"; }, "etcd: etcd e0: refused"},
      {[](auto& f) { f.etcd[0].ms = 250; }, "etcd: http://e0:2379 (3.4.23, 20.0 kB) takes 250 ms to answer"},
      {[](auto& f) {
         f.etcd.push_back({.endpoint = "http://e1:2379", .version = "3.4.23", .error = {}, .index = 100});
         f.etcd[0].index = 5101;
       },
       "etcd: http://e1:2379 is 5001 log entries behind another one"},
      {[](auto& f) { f.etcd[0].complaints = {"memberID:1 alarm:NOSPACE ", "etcdserver: no leader"}; },
       "etcd: http://e0:2379 reports: memberID:1 alarm:NOSPACE ; etcdserver: no leader"},
      {[](auto& f) { f.view.leader.reset(); }, "primary: nobody holds the leader key"},
      {[](auto& f) { (*f.members[1].patroni)["role"] = "primary"; }, "primary: 2 members take writes: n0, n1"},
      {[](auto& f) { f.view.leader->name = "n1"; },
       "primary: n0 takes writes, and n1 holds the leader key | replication: n0 is running, not streaming"},
      {[](auto& f) { f.configuration.in_effect["ttl"] = 20; },
       "ttl: loop_wait 10 + 2 * retry_timeout 10 = 30, ttl 20: the daemons lower loop_wait and retry_timeout by "
       "themselves"},
      {[](auto& f) { f.view.config_json = R"({"pause":true})"; },
       "pause: the cluster is paused: there is no automatic failover"},
      {[](auto& f) { f.view.config_json = R"({"synchronous_mode":true})"; },
       "synchronous: synchronous_mode is on, and no standby is synchronous, so commits wait for no standby"},
      {[](auto& f) { f.view.status->members = {{"n0", 0}, {"n1", 0}, {"n2", -60}}; },
       "members: n2 (its key in etcd has been gone for 60 s) is missing"},
      {[](auto& f) { f.configuration.in_effect["ttl"] = "abc"; },
       "ttl: loop_wait 10 + 2 * retry_timeout 10 = 30, ttl 30; the default of ttl is used, because its value is not a "
       "number"},
      {[](auto& f) { f.configuration.mistakes = {"ttl: text does not fit"}; }, "configuration: ttl: text does not fit"},
      {[](auto& f) {
         for (auto& member : f.members) {
           (*member.patroni)["problems"] = Json::array({{{"kind", "guard"}, {"text", "no guard: why"}}});
         }
       },
       "problems: n0, n1: no guard: why"},
      {[](auto& f) { (*f.members[0].patroni)["problems"] = Json::array({{{"kind", "security"}, {"text", "open"}}}); },
       "problems: n0: open"},
      {[](auto& f) { f.members[1].clock_s = 3.5; }, "clocks: n1 is 3.5 s ahead of n0"},
      {[](auto& f) { (*f.members[1].patroni)["server_version"] = 150019; },
       "versions: PostgreSQL differs: 15.19 on n1; 15.20 on n0"},
      {[](auto& f) {
         f.members[1].member.pending_restart = true;
         f.members[1].member.pending_restart_reason_json =
             R"({"max_connections":{"old_value":"100","new_value":"200"}})";
       },
       "restarts: n1 waits for a restart (max_connections)"},
      {[](auto& f) { f.view.status->optime = 0x6000000; },
       "replication: n1 is 16.0 MB behind, more than maximum_lag_on_failover (1.0 MB)"},
      {[](auto& f) { f.view.members["n1"].timeline = 2; }, "replication: n1 is on timeline 2, the leader on 3"},
      {[](auto& f) { f.slots[0] = {.name = "old", .wal_status = "extended", .bytes = 3ULL << 30, .active = false}; },
       "slots: old holds 3.0 GB of WAL, and no reader is connected"},
      {[](auto& f) { f.slots[0].wal_status = "lost"; }, "slots: n1: its WAL is lost"},
      {[](auto& f) {
         f.rewind = {.user = "rw", .leader = "n0", .error = "", .missing = {"pg_stat_file(text, boolean)"}};
       },
       "pg_rewind: rw may not call pg_stat_file(text, boolean) on n0: a diverged member cannot be rewound"},
      {[](auto& f) { f.certificates[0].ends = core::WallTime(5 * 24h); }, "certificates: c ends in 5 days"},
      {[](auto& f) { f.certificates[0].ends = core::WallTime(-48h); }, "certificates: c ended 2 days ago"},
      {[](auto& f) {
         f.members[1].explain =
             Json{{"gates", Json::array({{{"gate", "tags"}, {"open", false}, {"reason", "tagged nofailover"}}})}};
       },
       "failover: nobody could take over: n1: tagged nofailover"},
  };
  for (const auto& c : cases) {
    auto facts = well();
    c.spoil(facts);
    EXPECT_EQ(complaints(facts), c.complaint);
  }
}

TEST(Doctor, ASilentMember) {
  auto facts = well();
  facts.members[1] =
      MemberFacts{.member = facts.members[1].member, .patroni = {}, .explain = {}, .error = "refused", .clock_s = {}};
  EXPECT_EQ(complaints(facts),
            "members: n1 does not answer: refused | failover: nobody could take over: n1: no answer");
}

// The daemon examines what members answer, and one of them may be broken or lie.
TEST(Doctor, MeaninglessAnswersAreNoReasonToFail) {
  for (const char* answer : {R"({"gates": 7})", R"({"gates": {}})", R"({"gates": [7, null, {"gate": 1, "open": "x"}]})",
                             R"({"gates": [{"gate": ["lag"], "open": {}, "reason": 5}]})"}) {
    auto facts = well();
    facts.members[1].explain = Json::parse(answer);
    EXPECT_FALSE(examine(facts).empty()) << answer;
  }
  for (const char* answer :
       {R"({})", R"({"state": 7, "role": [], "server_version": "x", "patroni": 7, "problems": 7})",
        R"({"state": "running", "role": "primary", "problems": [7, null, [], {"kind": 5, "text": {}}]})",
        R"({"server_version": 1000000000000000000, "patroni": {"version": 7}})"}) {
    auto facts = well();
    facts.members[1].patroni = Json::parse(answer);
    EXPECT_FALSE(examine(facts).empty()) << answer;
  }
}

TEST(Doctor, FindingsAsJson) {
  auto facts = well();
  facts.view.leader.reset();
  const auto all = findings_json(examine(facts));
  EXPECT_EQ(all[0].dump(),
            R"x({"check":"etcd","grade":"ok","text":"http://e0:2379 (3.4.23, 20.0 kB) answers in 1.5 ms",)x"
            R"x("code":"etcd_answers","values":{"etcd":"http://e0:2379 (3.4.23, 20.0 kB)","ms":"1.5"}})x");
  EXPECT_EQ(all[2].dump(), R"({"check":"primary","grade":"failure","text":"nobody holds the leader key",)"
                           R"("next":"explain tells what keeps each member from being promoted",)"
                           R"("code":"no_leader","values":{}})");
}

TEST(Texts, AreFilledWithTheValues) {
  const auto found = finding("slot_holds_wal", {{"slot", "{bytes}"}, {"bytes", "3.0 GB"}});
  EXPECT_EQ(found.text, "{bytes} holds 3.0 GB of WAL") << "a value is no text with names";
  EXPECT_EQ(found.next, "is its reader coming back? Otherwise: SELECT pg_drop_replication_slot('{bytes}')");
  EXPECT_EQ(found.check, "slots");
  EXPECT_EQ(found.grade, Grade::warning);
}

TEST(Texts, HaveAnAdviceUnlessAllIsWell) {
  std::set<std::string_view> codes;
  for (const auto& one : texts) {
    EXPECT_EQ(one.next.empty(), one.grade == Grade::ok) << one.code;
    EXPECT_TRUE(codes.insert(one.code).second) << one.code << " is there twice";
    for (const auto text : {one.text, one.next})
      EXPECT_EQ(std::ranges::count(text, '{'), std::ranges::count(text, '}')) << one.code;
  }
}

constexpr auto noon = core::WallTime(std::chrono::hours(12));

TEST(Facts, OfAMembersAnswers) {
  const net::HttpResponse patroni{200, {}, R"({"state": "running", "server_version": 150020})"};
  const net::HttpResponse explain{200, {}, R"({"time": "1970-01-01T12:00:04.5+00:00", "gates": []})"};
  auto facts = member_facts({.name = "n1"}, patroni, explain, noon, 1s);
  EXPECT_EQ(facts.error, "");
  EXPECT_DOUBLE_EQ(*facts.clock_s, 4);
  EXPECT_DOUBLE_EQ(facts.clock_error_s, 0.5);
  EXPECT_TRUE(facts.patroni && facts.explain);
  EXPECT_EQ(newest_server_version({facts, {}}), 150020);
  // Patroni answers any unknown path as it answers `/`.
  const net::HttpResponse other{503, {{"Date", "Thu, 01 Jan 1970 12:00:02 GMT"}}, R"({"state": "running"})"};
  facts = member_facts({.name = "n1"}, patroni, other, noon, 1s);
  EXPECT_FALSE(facts.explain);
  EXPECT_DOUBLE_EQ(*facts.clock_s, 2);
  EXPECT_DOUBLE_EQ(facts.clock_error_s, 1);
  facts = member_facts({.name = "n1"}, core::fail("refused"), core::fail("refused"), noon, 1s);
  EXPECT_EQ(facts.error, "refused");
  EXPECT_FALSE(facts.patroni || facts.explain || facts.clock_s);
}

TEST(Facts, OfAnEtcdServer) {
  const auto of = [](core::Result<net::HttpResponse> answer) { return etcd_facts("http://e0:2379", answer, 1500us); };
  auto facts = of(net::HttpResponse{
      200, {}, R"({"version": "3.4.23", "dbSize": "20480", "raftAppliedIndex": "77", "errors": ["alarm", 7]})"});
  EXPECT_EQ(facts.version, "3.4.23");
  EXPECT_EQ(facts.db_bytes, 20480);
  EXPECT_EQ(facts.index, 77);
  EXPECT_DOUBLE_EQ(facts.ms, 1.5);
  EXPECT_EQ(facts.complaints, std::vector<std::string>{"alarm"});
  EXPECT_EQ(of(core::fail("refused")).error, "refused");
  for (const char* body : {"", "7", R"({"version": 7, "dbSize": -1, "raftAppliedIndex": {}, "errors": {}})"}) {
    facts = of(net::HttpResponse{200, {}, body});
    EXPECT_TRUE(facts.error.empty() && facts.complaints.empty() && facts.db_bytes == 0 && facts.index == 0) << body;
  }
  EXPECT_EQ(of(net::HttpResponse{401, {}, "{}"}).version, "status refused");
}

TEST(Facts, OfSlotsByTheLeadersKey) {
  auto view = well().view;
  EXPECT_TRUE(slots_by_key({}).empty());
  view.status->slots = {{"behind", 0x4000000}, {"ahead", 0x6000000}};
  const auto slots = slots_by_key(view);
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].bytes, 0U);
  EXPECT_EQ(slots[1].bytes, 0x1000000U);
}

TEST(Words, OfPostgreSqlsVersion) {
  EXPECT_EQ(format_pg_version(90624), "9.6.24");
  EXPECT_EQ(format_pg_version(100000), "10.0");
  EXPECT_EQ(format_pg_version(150020), "15.20");
}

TEST(Words, AnAgeIsRounded) {
  EXPECT_EQ(format_age(12.4), "12 s");
  EXPECT_EQ(format_age(300), "5 min");
  EXPECT_EQ(format_age(86400 * 5), "5 days");
}

}  // namespace
}  // namespace tamada::diagnosis
