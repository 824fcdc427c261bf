#include "api/routes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_fakes.h"

namespace tamada::api {
namespace {

using namespace test;

std::string first_line(const std::string& text) { return text.substr(0, text.find("\r\n")); }
std::string body_of(const std::string& text) { return text.substr(text.find("\r\n\r\n") + 4); }

TEST(Fast, PreparesHealthChecksOncePerPublication) {
  Node node(leader());
  const auto answer = node.api->fast("GET", "/primary");
  ASSERT_TRUE(answer);
  EXPECT_EQ(first_line(*answer), "HTTP/1.1 200 OK");
  EXPECT_NE(answer->find("Content-Type: application/json\r\n"), answer->npos);
  EXPECT_TRUE(body_of(*answer).starts_with(R"({"state": "running")"));
  EXPECT_EQ(node.api->fast("GET", "/primary"), answer) << "the answer must be the same object, not a new copy";

  node.publish([](Snapshot& s) { s.seen.cluster.leader->name = "n1"; });
  EXPECT_EQ(first_line(*node.api->fast("GET", "/primary")), "HTTP/1.1 503 Service Unavailable");
}

TEST(Fast, ForgetsWhenTheLeaseEnds) {
  Node node(leader());
  EXPECT_EQ(first_line(*node.api->fast("OPTIONS", "/primary")), "HTTP/1.1 200 OK");
  node.pass(25s);
  EXPECT_EQ(first_line(*node.api->fast("OPTIONS", "/primary")), "HTTP/1.1 503 Service Unavailable");
}

TEST(Fast, HeadAndOptionsAreAStatusOnly) {
  Node node(leader());
  for (const char* method : {"HEAD", "OPTIONS"}) {
    const auto answer = node.api->fast(method, "/health");
    ASSERT_TRUE(answer) << method;
    EXPECT_EQ(first_line(*answer), "HTTP/1.1 200 OK") << method;
    EXPECT_EQ(body_of(*answer), "") << method;
  }
  EXPECT_EQ(body_of(*node.api->fast("GET", "/liveness")), "");
}

TEST(Fast, LeavesTheRestToTheHandler) {
  Node node(leader());
  for (const char* target : {"/tamada/events", "/tamada/events?since=0&wait=1", "/tamada", "/tamada/x"})
    EXPECT_FALSE(node.api->fast("GET", target)) << target;
  EXPECT_FALSE(node.api->fast("POST", "/primary"));
}

// One prepared answer serves all forms of the same request.
TEST(Fast, ReadsAreMadeOnceAndShared) {
  Node node(leader());
  for (const std::string path : {"/patroni", "/cluster", "/history", "/config", "/metrics", "/failsafe",
                                 "/tamada/explain", "/tamada/handover"}) {
    const auto first = node.api->fast("GET", path);
    ASSERT_TRUE(first) << path;
    EXPECT_EQ(first, node.api->fast("GET", path + "?x=1")) << path;
    EXPECT_TRUE(first->ends_with("\r\n\r\n" + node.ask("GET", path).substr(4))) << path;
    node.publish([](Snapshot&) {});
    EXPECT_NE(first, node.api->fast("GET", path)) << path;
  }
}

TEST(Fast, AnAnswerWithATimeIsSharedForAMoment) {
  Node node(leader());
  const auto config = node.api->fast("GET", "/config"), metrics = node.api->fast("GET", "/metrics");
  node.pass(99ms);
  EXPECT_EQ(metrics, node.api->fast("GET", "/metrics"));
  node.pass(1ms);
  EXPECT_NE(metrics, node.api->fast("GET", "/metrics"));
  EXPECT_EQ(config, node.api->fast("GET", "/config"));
  EXPECT_TRUE(node.api->fast("GET", "/patroni"));
  node.pass(101ms);
  EXPECT_FALSE(node.api->fast("GET", "/patroni")) << "the answer was made from an old snapshot";
}

TEST(Get, PatroniAsksTheAgentOnceForManyRequests) {
  Node node(leader());
  node.pass(201ms);
  asio::steady_timer until(node.io, asio::steady_timer::time_point::max());
  node.agent.refreshed = &until;
  node.start("GET", "/patroni");
  node.start("GET", "/patroni");
  EXPECT_EQ(node.said(), "waiting");
  EXPECT_EQ(node.agent.refreshes, 1);
  until.cancel();
  node.run();
  EXPECT_TRUE(node.said().starts_with("200 "));
  node.agent.refreshed = nullptr;
  node.ask("GET", "/patroni");
  EXPECT_EQ(node.agent.refreshes, 2);
}

TEST(Fast, DoesNotKeepAnswersToEveryTarget) {
  Node node(leader());
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(node.api->fast("GET", "/x" + std::to_string(i)));
  EXPECT_NE(node.api->fast("GET", "/x999"), node.api->fast("GET", "/x999"));
  EXPECT_EQ(node.api->fast("GET", "/x1"), node.api->fast("GET", "/x1"));
}

TEST(Get, PatroniRefreshesAnOldViewAndOneWithoutALeader) {
  Node node(leader());
  EXPECT_TRUE(node.ask("GET", "/patroni").starts_with("200 {\"state\": \"running\""));
  EXPECT_EQ(node.agent.refreshes, 0);
  node.pass(201ms);
  node.ask("GET", "/patroni");
  EXPECT_EQ(node.agent.refreshes, 1);
  node.publish([](Snapshot& s) {
    s.seen.now += 201ms;
    s.seen.cluster.leader.reset();
  });
  EXPECT_NE(node.ask("GET", "/patroni").find("\"cluster_unlocked\": true"), std::string::npos);
  EXPECT_EQ(node.agent.refreshes, 2);
}

TEST(Get, Rest) {
  auto snapshot = leader();
  snapshot.seen.cluster.history = {
      {{1, 67109352, "no recovery target specified", "2026-11-22T22:25:56+00:00", "n2"}, {2, 5, "junk", "", ""}}};
  Node node(snapshot);
  EXPECT_EQ(node.ask("GET", "/history"),
            R"(200 [[1, 67109352, "no recovery target specified", "2026-11-22T22:25:56+00:00", "n2"], )"
            R"([2, 5, "junk"]])");
  EXPECT_EQ(node.ask("GET", "/config"), R"(200 {"ttl": 30, "loop_wait": 10})");
  EXPECT_TRUE(node.ask("GET", "/cluster").ends_with(R"("scope": "demo"})"));
  EXPECT_TRUE(node.ask("GET", "/metrics").starts_with("200 # HELP patroni_version"));
  EXPECT_EQ(*node.answer->header("content-type"), "text/plain");
  EXPECT_TRUE(node.ask("GET", "/nosuch").starts_with("503 {\"state\""));
  EXPECT_TRUE(node.ask("GET", "/failsafe").starts_with("502 <!DOCTYPE HTML>"));
  EXPECT_TRUE(node.ask("POST", "/nosuch", "{}").starts_with("501 "));
  EXPECT_TRUE(node.ask("DELETE", "/failover").starts_with("501 "));
  node.publish([](Snapshot& s) { s.seen.cluster.config_json.reset(); });
  EXPECT_TRUE(node.ask("GET", "/config").starts_with("502 "));
}

TEST(Failsafe, AStandbyConsentsToAPrimaryThatHasLostTheDcs) {
  const std::string question =
      R"({"name":"n0","conn_url":"postgres://h/d","api_url":"http://h/patroni","slots":{"n1":5,"x":"y"}})";
  Node standby(replica());
  EXPECT_TRUE(standby.ask("POST", "/failsafe", question).starts_with("502 "));
  standby.publish([](Snapshot& s) {
    s.seen.settings.failsafe_mode = true;
    s.seen.cluster.failsafe = {{{"n0", "http://h/patroni"}}};
  });
  EXPECT_EQ(standby.ask("GET", "/failsafe"), R"(200 {"n0": "http://h/patroni"})");
  EXPECT_EQ(standby.ask("POST", "/failsafe", question), "200 Accepted");
  EXPECT_EQ(*standby.answer->header("lsn"), "67109000");
  ASSERT_EQ(standby.agent.failsafe_leaders.size(), 1U);
  EXPECT_EQ(standby.agent.failsafe_leaders[0].name, "n0");
  EXPECT_EQ(standby.agent.failsafe_leaders[0].slots, (std::map<std::string, core::Lsn>{{"n1", 5}}));
  EXPECT_TRUE(standby.ask("POST", "/failsafe", R"({"x":1})").starts_with("400 "));
  standby.agent.refuses_failsafe = "The leader is n2";
  EXPECT_EQ(standby.ask("POST", "/failsafe", question), "500 The leader is n2");
  Node primary(leader());
  primary.publish([](Snapshot& s) { s.seen.settings.failsafe_mode = true; });
  EXPECT_EQ(primary.ask("POST", "/failsafe", question), "500 Running as a leader");
}

TEST(Failsafe, IsShownForATtl) {
  const auto active = [](Node& node) { return node.ask("GET", "/patroni").contains("failsafe_mode_is_active"); };
  Node standby(replica());
  standby.publish([](Snapshot& s) {
    s.seen.settings.failsafe_mode = true;
    s.seen.failsafe.told_at = s.seen.now;
  });
  EXPECT_TRUE(active(standby));
  standby.pass(30s);
  EXPECT_FALSE(active(standby));

  Node primary(leader());
  primary.publish([](Snapshot& s) {
    s.seen.settings.failsafe_mode = true;
    s.seen.cluster.failsafe = {{{"n0", "http://h/patroni"}}};
    s.seen.dcs = {.ok = false, .last_ok = {}, .failing_since = s.seen.now - 60s, .error = "no answer"};
    s.seen.lease.deadline = s.seen.now - 30s;
  });
  EXPECT_TRUE(primary.ask("GET", "/primary").starts_with("503 "));
  primary.publish([](Snapshot& s) { s.seen.failsafe.asked_at = s.seen.failsafe.confirmed_at = s.seen.now; });
  EXPECT_TRUE(active(primary));
  EXPECT_TRUE(primary.ask("GET", "/primary").starts_with("200 "));
  primary.pass(21s);
  EXPECT_TRUE(primary.ask("GET", "/primary").starts_with("503 "));
}

TEST(Authentication, UnsafeMethodsOnly) {
  RestApiOptions options;
  options.username = "admin";
  options.password = "secret";
  Node node(leader(), options);
  EXPECT_EQ(node.ask("GET", "/config").substr(0, 3), "200");
  EXPECT_EQ(node.ask("POST", "/reload"), "401 no auth header received");
  EXPECT_EQ(*node.answer->header("WWW-Authenticate"), "Basic realm=\"Patroni\"");
  EXPECT_EQ(*node.answer->header("Content-Type"), "text/html");
  EXPECT_EQ(node.ask("POST", "/reload", "", "Basic YWRtaW46d3Jvbmc="), "401 not authenticated");
  EXPECT_EQ(node.ask("POST", "/reload", "", "Bearer YWRtaW46c2VjcmV0"), "401 not authenticated");
  EXPECT_EQ(node.ask("POST", "/reload", "", "Basic "), "401 not authenticated");
  EXPECT_EQ(node.agent.reloads, 0);
  EXPECT_EQ(node.ask("POST", "/reload", "", "Basic YWRtaW46c2VjcmV0"), "202 reload scheduled");
  EXPECT_EQ(node.agent.reloads, 1);
  EXPECT_EQ(node.ask("POST", "/reload", "", "bASIC YWRtaW46c2VjcmV0"), "202 reload scheduled");
}

TEST(Config, AChangeIsJudgedBeforeItIsTaken) {
  RestApiOptions options;
  std::vector<std::string> asked;
  ConfigVerdict verdict{{"ttl: no number", "parameters: wrong place"}, {"a"}, {"b: at once", "c: after a restart"}};
  options.judge_config = [&](const auto& before, const auto& after, int, const auto& own) {
    EXPECT_EQ(own.size(), 1u);
    asked.push_back(before.dump() + after.dump());
    return verdict;
  };
  Node node(leader(), std::move(options));
  node.agent.parameters = {{.name = "work_mem", .vartype = "integer", .unit = "kB", .min = "64", .max = "1000"}};
  EXPECT_EQ(node.ask("GET", "/tamada/parameters"),
            R"(200 [{"name": "work_mem", "vartype": "integer", "unit": "kB", "min_val": "64", "max_val": "1000"}])");
  const std::string refusal =
      "400 ttl: no number\nparameters: wrong place\nNothing was changed; ?force=true changes it all the same\n";
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":"x"})"), refusal);
  EXPECT_EQ(asked, std::vector<std::string>{R"({"ttl":30,"loop_wait":10}{"ttl":"x","loop_wait":10})"});
  EXPECT_EQ(node.ask("PUT", "/config", R"({"ttl":"x"})"), refusal);
  EXPECT_EQ(node.agent.config_writes, 0);
  EXPECT_EQ(node.ask("PATCH", "/config?force=true", R"({"ttl":"x"})"), R"(200 {"ttl": "x", "loop_wait": 10})");
  EXPECT_EQ(*node.answer->header("Tamada-Warning"), "ttl: no number; parameters: wrong place; a");
  EXPECT_EQ(*node.answer->header("Tamada-Effect"), "b: at once; c: after a restart");
  EXPECT_FALSE(node.answer->header("Tamada-Pending-Restart"));
  verdict = {};
  EXPECT_EQ(node.ask("PUT", "/config", R"({"ttl":31})"), R"(200 {"ttl": 31})");
  EXPECT_FALSE(node.answer->header("Tamada-Warning"));
  EXPECT_FALSE(node.answer->header("Tamada-Effect"));
}

TEST(Authentication, ClientCertificate) {
  RestApiOptions options;
  options.require_client_certificate = true;
  Node node(leader(), options);
  EXPECT_EQ(node.ask("GET", "/config").substr(0, 3), "200");
  EXPECT_EQ(node.ask("POST", "/reload"), "403 client certificate required");
}

TEST(Config, Patch) {
  Node node(leader());
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":32,"nosuch":1,"loop_wait":null})"),
            R"(200 {"ttl": 32, "nosuch": 1})");
  EXPECT_EQ(node.board.latest()->seen.cluster.config_json, R"({"ttl":32,"nosuch":1})");
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":"32"})"), R"(200 {"ttl": 32, "nosuch": 1})");
  EXPECT_EQ(node.agent.config_writes, 1) << "without a change nothing is written";
  EXPECT_EQ(node.ask("PATCH", "/config", "[1]").substr(0, 3), "400");
  EXPECT_EQ(node.ask("PATCH", "/config", "{}").substr(0, 3), "400");
  EXPECT_EQ(node.ask("PATCH", "/config", "{").substr(0, 3), "400");
  EXPECT_EQ(node.ask("PATCH", "/config").substr(0, 3), "411");
  node.agent.dcs_down = true;
  const auto failed = "503 DCS request failed: etcd is down";
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":33})"), failed);
  EXPECT_EQ(node.ask("PUT", "/config", R"({"ttl":33})"), failed);
  node.agent.dcs_down = false;
  node.publish([](Snapshot& s) { s.seen.cluster.config_json.reset(); });
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":33})").substr(0, 3), "503");
}

// The board of a daemon whose watch is slow shows neither the pause nor that this node leads.
TEST(Restart, IsScheduledByWhatTheDcsHolds) {
  Node node(replica());
  node.agent.held = node.board.latest()->seen.cluster;
  node.agent.held->config_json = R"({"pause":true})";
  EXPECT_EQ(node.ask("POST", "/restart", R"({"schedule":"2099-01-01T00:00:00+00:00"})"),
            "500 Can't schedule restart in the paused state");
  node.agent.dcs_down = true;
  EXPECT_EQ(node.ask("POST", "/restart", R"({"schedule":"2099-01-01T00:00:00+00:00"})"),
            "503 DCS request failed: etcd is down");
}

TEST(Reinitialize, IsDecidedByWhatTheDcsHolds) {
  Node node(replica());
  node.agent.held = node.board.latest()->seen.cluster;
  node.agent.held->leader->name = "n1";
  EXPECT_EQ(node.ask("POST", "/reinitialize", R"({"force":true})"), "503 I am the leader, can not reinitialize");
  node.agent.held->leader.reset();
  EXPECT_EQ(node.ask("POST", "/reinitialize"), "503 Cluster has no leader, can not reinitialize");
  node.agent.dcs_down = true;
  EXPECT_EQ(node.ask("POST", "/reinitialize"), "503 DCS request failed: etcd is down");
  EXPECT_EQ(node.agent.reinitializes, 0);
}

// A PATCH (`tamadactl resume`) right after the daemon's start is answered by the cluster's configuration, not by an
// empty view.
TEST(Config, PatchRightAfterTheStart) {
  auto snapshot = leader();
  const auto keys = std::exchange(snapshot.seen.cluster, {});
  Node node(snapshot);
  node.agent.held = keys;
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":33})"), R"(200 {"ttl": 33, "loop_wait": 10})");
  EXPECT_EQ(node.agent.config_writes, 1);
}

TEST(Config, IsChangedFromWhatTheDcsHolds) {
  Node node(leader());
  const auto somebody_writes = [&](const std::string& text) {
    node.agent.held = node.board.latest()->seen.cluster;
    node.agent.held->config_json = text;
    node.agent.held->config_revision = 500;
    node.agent.held->revision += 100;
  };
  somebody_writes(R"({"ttl":40,"pause":true})");
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":30})"), R"(200 {"ttl": 30, "pause": true})");
  EXPECT_EQ(node.agent.config_writes, 1) << "the board shows a ttl of 30, the DCS one of 40";
  somebody_writes(R"({"ttl":40})");
  EXPECT_EQ(node.ask("PUT", "/config", R"({"ttl":30,"pause":true})"), R"(200 {"ttl": 30, "pause": true})");
  EXPECT_EQ(node.agent.config_writes, 2);

  // The answer comes when our own answers show what it says, also if nothing was written.
  somebody_writes(R"({"ttl":50})");
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":50})"), "waiting");
  node.publish([&](Snapshot& s) { s.seen.cluster = *node.agent.held; });
  EXPECT_EQ(node.said(), R"(200 {"ttl": 50})");
  EXPECT_EQ(node.agent.config_writes, 2);
}

TEST(Config, PatchMergesIntoAConcurrentChange) {
  Node node(leader());
  node.agent.before_config_write = [&] {
    node.agent.before_config_write = nullptr;
    node.agent.publish([](Snapshot& s) {
      s.seen.cluster.config_json = R"({"ttl":30,"pause":true})";
      s.seen.cluster.config_revision = 8;
    });
  };
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":32})"), R"(200 {"ttl": 32, "pause": true})");
}

TEST(Config, ARequestGivesUpIfOthersKeepChangingTheKey) {
  Node node(leader());
  int attempts = 0;
  node.agent.before_config_write = [&] {
    ++attempts;
    node.agent.publish([](Snapshot& s) { ++s.seen.cluster.config_revision; });
  };
  EXPECT_EQ(node.ask("PATCH", "/config", R"({"ttl":32})").substr(0, 3), "409");
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(node.ask("PUT", "/config", R"({"ttl":32})").substr(0, 3), "502");
  EXPECT_EQ(node.agent.config_writes, 0);
}

TEST(Config, Put) {
  Node node(leader());
  EXPECT_EQ(node.ask("PUT", "/config", R"({"ttl":20})"), R"(200 {"ttl": 20})");
  EXPECT_EQ(node.board.latest()->seen.cluster.config_json, R"({"ttl":20})");
  EXPECT_EQ(node.ask("PUT", "/config", R"({"ttl":20})"), R"(200 {"ttl": 20})");
  EXPECT_EQ(node.agent.config_writes, 1);
  EXPECT_EQ(node.ask("PUT", "/config", "{}").substr(0, 3), "400");
}

TEST(Restart, Refusals) {
  Node node(leader());
  const std::pair<const char*, const char*> cases[] = {
      {R"({"role":"x"})", "400 PostgreSQL role should be either primary, standby_leader, or replica"},
      {R"({"role":"replica"})", "503 restart conditions are not satisfied"},
      {R"({"postgres_version":"x"})", "400 Invalid PostgreSQL version: x"},
      {R"({"postgres_version":"9.6"})", "400 Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9.6"},
      {R"({"postgres_version":"15.20"})", "503 restart conditions are not satisfied"},
      {R"({"restart_pending":true})", "503 restart conditions are not satisfied"},
      {R"({"timeout":"x"})", "400 Timeout should be a positive number of seconds"},
      {R"({"timeout":0})", "400 Timeout should be a positive number of seconds"},
      {R"({"nosuch":1})", "400 Unknown filter for the scheduled restart: nosuch"},
      {R"({"schedule":"2020-01-01T00:00:00+00:00"})", "422 Cannot schedule restart in the past"},
  };
  for (const auto& [body, said] : cases) EXPECT_EQ(node.ask("POST", "/restart", body), said) << body;
  EXPECT_EQ(node.ask("POST", "/restart", "[]").substr(0, 3), "400");
  EXPECT_EQ(node.ask("DELETE", "/restart"), "404 no restarts are scheduled");
  node.publish([](Snapshot& s) { s.seen.cluster.config_json = R"({"pause":true})"; });
  EXPECT_EQ(node.ask("POST", "/restart", R"({"schedule":"x"})"), "500 Can't schedule restart in the paused state");
  node.publish(
      [](Snapshot& s) { s.seen.job = {.kind = core::JobKind::basebackup, .state = core::JobState::running, .id = 1}; });
  EXPECT_EQ(node.ask("POST", "/restart"), "503 reinitialize already in progress");
  EXPECT_EQ(node.agent.restarts, 0);
}

TEST(Restart, Scheduled) {
  Node node(leader());
  const auto body = R"({"schedule":"2099-01-01T02:00:00+02:00","role":"replica","timeout":"1min","restart_pending":0})";
  // The conditions are checked at the scheduled time.
  EXPECT_EQ(node.ask("POST", "/restart", body), "202 Restart scheduled");
  EXPECT_EQ(node.ask("POST", "/restart", body), "409 Another restart is already scheduled");
  const auto& request = node.board.latest()->seen.requests.scheduled_restart;
  ASSERT_TRUE(request);
  EXPECT_EQ(request->json,
            R"({"schedule":"2099-01-01T00:00:00+00:00","role":"replica","timeout":60,"restart_pending":0,)"
            R"("postmaster_start_time":"2026-11-22 22:25:03.912866+00:00"})");
  EXPECT_EQ(node.ask("DELETE", "/restart"), "200 scheduled restart deleted");
  EXPECT_EQ(node.ask("DELETE", "/restart"), "404 no restarts are scheduled");
}

TEST(Restart, AnswersWhenTheServerIsUpAgain) {
  Node node(leader());
  EXPECT_EQ(node.ask("POST", "/restart", R"({"role":"primary","postgres_version":"15.21"})"), "waiting");
  EXPECT_EQ(node.agent.restarts, 1);
  const auto sql = node.board.latest()->seen.postgres.sql;
  node.publish([](Snapshot& s) { s.seen.postgres.sql.reset(); });
  EXPECT_EQ(node.said(), "waiting");
  node.publish([&](Snapshot& s) {
    s.seen.postgres.sql = sql;
    s.seen.postgres.sql->postmaster_start_time = "2026-11-22 23:00:00+00:00";
  });
  EXPECT_EQ(node.said(), "200 restarted successfully");
  EXPECT_EQ(node.clock.sleeping, 0) << "a timer is left";
}

TEST(Restart, FailsOrTakesTooLong) {
  Node node(leader());
  node.start("POST", "/restart");
  node.publish([](Snapshot& s) {
    s.seen.postgres.sql.reset();
    s.seen.job = {.kind = core::JobKind::start, .state = core::JobState::failed, .id = 1};
  });
  EXPECT_EQ(node.said(), "503 restart failed");

  Node slow(leader());
  slow.start("POST", "/restart", R"({"timeout":"1min"})");
  slow.publish([](Snapshot& s) { s.seen.postgres.sql.reset(); });
  slow.pass(59s);
  EXPECT_EQ(slow.said(), "waiting");
  slow.pass(1s);
  EXPECT_EQ(slow.said(), "503 postgres is still starting");
}

TEST(Reinitialize, Answers) {
  Node leading(leader());
  EXPECT_EQ(leading.ask("POST", "/reinitialize", "{}"), "503 I am the leader, can not reinitialize");
  EXPECT_EQ(leading.agent.reinitializes, 0);
  Node node(replica());
  node.publish(
      [](Snapshot& s) { s.seen.job = {.kind = core::JobKind::basebackup, .state = core::JobState::running, .id = 1}; });
  EXPECT_EQ(node.ask("POST", "/reinitialize"), "503 reinitialize already in progress");
  EXPECT_EQ(node.ask("POST", "/reinitialize", R"({"force":true})"), "200 reinitialize started");
  node.publish([](Snapshot& s) { s.seen.job.state = core::JobState::succeeded; });
  EXPECT_EQ(node.ask("POST", "/reinitialize"), "200 reinitialize started");
  EXPECT_EQ(node.agent.reinitializes, 2);
  node.agent.replaced.obstacle = "there is no room";
  const auto refused = node.ask("POST", "/reinitialize");
  EXPECT_TRUE(
      refused.starts_with("503 can not reinitialize: there is no room; with postgresql.keep_replaced_data: false"))
      << refused;
  EXPECT_EQ(node.agent.reinitializes, 2);
  EXPECT_EQ(node.ask("POST", "/reinitialize", R"({"force":true})"), "200 reinitialize started");
  node.agent.replaced = {.kept = false};
  EXPECT_TRUE(
      node.ask("POST", "/reinitialize").contains("the data that it replaces are removed before the copy begins"));
  node.publish([](Snapshot& s) { s.seen.cluster.leader.reset(); });
  EXPECT_EQ(node.ask("POST", "/reinitialize"), "503 Cluster has no leader, can not reinitialize");
}

}  // namespace
}  // namespace tamada::api
