#include "wire/keys.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/member.h"

namespace tamada::wire {
namespace {

using core::ClusterView;
using core::Member;

RawKey raw(std::string value, core::Revision revision = 7, core::LeaseId lease = {}) {
  return {.value = std::move(value), .mod_revision = revision, .create_revision = 3, .lease = std::move(lease)};
}

// Values that Patroni 4.1.4 wrote. Parsing and formatting must give the same bytes.
const char* const members_of_patroni[] = {
    R"({"conn_url":"postgres://127.0.0.1:27100/postgres","api_url":"http://127.0.0.1:27200/patroni","state":"running","role":"primary","version":"4.1.4","xlog_location":67109000,"timeline":1})",
    R"({"conn_url":"postgres://127.0.0.1:27101/postgres","api_url":"http://127.0.0.1:27201/patroni","state":"running","role":"replica","version":"4.1.4","xlog_location":67108960,"replay_lsn":67108960,"receive_lsn":67108960,"replication_state":"streaming","timeline":1})",
    R"({"conn_url":"postgres://127.0.0.1:27102/postgres","api_url":"http://127.0.0.1:27202/patroni","state":"running","role":"primary","version":"4.1.4","xlog_location":67110104,"timeline":2,"scheduled_restart":{"schedule":"2099-01-01T00:00:00+00:00","postmaster_start_time":"2026-11-22 22:26:10.960453+00:00"}})",
    R"({"conn_url":"postgres://h:5432/postgres","api_url":"http://h:8008/patroni","state":"running","role":"primary","version":"4.1.4","checkpoint_after_promote":false,"tags":{"zone":"\u10d7\u10d1","nofailover":true,"weight":1.5},"pending_restart":true,"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"101"}},"xlog_location":1,"timeline":9,"pause":true})",
    R"({"conn_url":"postgres://h:5432/postgres","api_url":"http://h:8008/patroni","state":"stopped","role":"uninitialized","version":"4.1.4"})",
    R"({"conn_url":"postgres://h:5432/app","api_url":"http://h:8008/patroni","state":"running","role":"primary","version":"4.1.4","proxy_url":"postgres://h:6432/app","checkpoint_after_promote":false})",
};

TEST(Members, ValuesOfPatroniAreWrittenUnchanged) {
  for (const std::string text : members_of_patroni) EXPECT_EQ(member_json(parse_member("n", text)), text);
}

TEST(Members, FieldsOfAReplica) {
  ClusterView view;
  apply_put(view, "members/n1", raw(members_of_patroni[1], 12, core::LeaseId("99")));
  ASSERT_TRUE(view.members.contains("n1"));
  const Member& member = view.members.at("n1");
  EXPECT_EQ(member.name, "n1");
  EXPECT_EQ(member.host, "127.0.0.1");
  EXPECT_EQ(member.port, "27101");
  EXPECT_EQ(member.role, "replica");
  EXPECT_EQ(member.replication_state, "streaming");
  EXPECT_EQ(member.receive_lsn, 67108960u);
  EXPECT_EQ(member.timeline, 1u);
  EXPECT_EQ(member.revision, 12);
  EXPECT_EQ(member.lease, core::LeaseId("99"));
  EXPECT_TRUE(member.running());
  apply_delete(view, "members/n1");
  EXPECT_TRUE(view.members.empty());
}

TEST(Members, OlderFormsAreUnderstood) {
  const auto old =
      parse_member("n", R"({"conn_url":"postgres://u:p%40ss@[::1]:5433/postgres","api_url":"http://h/patroni",)"
                        R"("state":"streaming","role":"master","version":"3.0.2","xlog_location":"123",)"
                        R"("tags":{"nofailover":"true","clonefrom":true}})");
  EXPECT_TRUE(old.is_primary_role());
  EXPECT_TRUE(old.running());
  EXPECT_EQ(old.xlog_location, 123u);
  EXPECT_EQ(old.host, "::1");
  EXPECT_EQ(old.port, "5433");
  EXPECT_TRUE(old.tags.nofailover);
  EXPECT_FALSE(old.tags.may_be_promoted());
  EXPECT_TRUE(old.tags.clonefrom);

  const auto bare = parse_member("n", "postgres://u@h:5434/postgres?application_name=http%3A//h:8008/patroni");
  EXPECT_EQ(bare.conn_url, "postgres://u@h:5434/postgres");
  EXPECT_EQ(bare.api_url, "http://h:8008/patroni");
  EXPECT_EQ(bare.host, "h");
}

TEST(Members, AnInvalidValueGivesAMemberWithoutFields) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("\xff\xfe"), deep,
        "{\"tags\":" + deep + "}", std::string(R"({"conn_url":5,"state":[],"timeline":-1,"xlog_location":1e400})"),
        std::string(R"({"timeline":99999999999,"xlog_location":-4,"tags":[1],"pause":{},"scheduled_restart":7})")}) {
    ClusterView view;
    apply_put(view, "members/x", raw(text));
    ASSERT_EQ(view.members.size(), 1u) << text.substr(0, 40);
    const Member& member = view.members.at("x");
    EXPECT_EQ(member.conn_url, "");
    EXPECT_FALSE(member.timeline);
    EXPECT_FALSE(member.xlog_location);
    EXPECT_FALSE(member.running());
    EXPECT_TRUE(member.tags.published.empty());
  }
}

TEST(ConnUrl, HostAndPort) {
  using Pair = std::pair<std::string, std::string>;
  const std::pair<const char*, Pair> cases[] = {
      {"postgres://10.0.0.1:5433/postgres", {"10.0.0.1", "5433"}},
      {"postgresql://db.example.org/postgres", {"db.example.org", "5432"}},
      {"postgres://u:a@b@h:1/x?y", {"h", "1"}},
      {"postgres://[fe80::1%25eth0]:5432/postgres", {"fe80::1%25eth0", "5432"}},
      {"postgres://[::1]/", {"::1", "5432"}},
      {"postgres://h:70000/", {"", ""}},
      {"postgres://h:x/", {"", ""}},
      {"http://h:1/", {"", ""}},
      {"postgres://", {"", ""}},
      {"postgres://[::1", {"", ""}},
      {"", {"", ""}},
  };
  for (const auto& [url, expected] : cases) EXPECT_EQ(parse_conn_url(url), expected) << url;
}

TEST(Keys, LeaderInitializeAndConfig) {
  ClusterView view;
  apply_put(view, "leader", raw("n0", 5, core::LeaseId("77")));
  apply_put(view, "initialize", raw("", 6, core::LeaseId("78")));
  apply_put(view, "config", raw(R"({"ttl":30})", 8));
  apply_put(view, "nosuch", raw("x"));
  apply_put(view, "members/", raw("{}"));
  apply_put(view, "members/a/b", raw("{}"));
  ASSERT_TRUE(view.leader);
  EXPECT_EQ(view.leader->name, "n0");
  EXPECT_EQ(view.leader->revision, 5);
  EXPECT_EQ(view.leader->create_revision, 3);
  EXPECT_EQ(view.leader->lease, core::LeaseId("77"));
  EXPECT_EQ(view.initialize, "");
  EXPECT_EQ(view.initialize_lease, core::LeaseId("78"));
  EXPECT_EQ(view.config_json, R"({"ttl":30})");
  EXPECT_EQ(view.config_revision, 8);
  EXPECT_TRUE(view.members.empty());
  for (const char* key : {"leader", "initialize", "config", "nosuch"}) apply_delete(view, key);
  EXPECT_FALSE(view.leader || view.initialize || view.config_json);
  EXPECT_EQ(view.initialize_revision + view.config_revision, 0);
  EXPECT_FALSE(view.initialize_lease);
}

TEST(Keys, Status) {
  const std::string text = R"({"optime":67108960,"slots":{"n0":1,"n1":67108960},"retain_slots":["n0","n1"]})";
  ClusterView view;
  apply_put(view, "status", raw(text, 21));
  ASSERT_TRUE(view.status);
  EXPECT_EQ(view.status->optime, 67108960u);
  EXPECT_EQ(view.status->slots.at("n0"), 1u);
  EXPECT_EQ(view.status->retain_slots.size(), 2u);
  EXPECT_EQ(view.status->revision, 21);
  EXPECT_EQ(status_json(*view.status), text);
  EXPECT_EQ(status_json({.optime = 5}), R"({"optime":5})");

  apply_put(view, "optime/leader", raw("99", 22));  // the older key does not count if the newer one exists
  EXPECT_EQ(view.status->optime, 67108960u);
  apply_delete(view, "status");
  apply_put(view, "optime/leader", raw("99", 23));
  EXPECT_EQ(view.status->optime, 99u);
  EXPECT_EQ(view.status->revision, 0);
  apply_put(view, "status", raw("100"));  // a bare number and one in a string
  EXPECT_EQ(view.status->optime, 100u);
  apply_put(view, "status", raw(R"({"optime":"101","slots":"{\"a\":1}","retain_slots":"[\"a\"]"})"));
  EXPECT_EQ(view.status->optime, 101u);
  EXPECT_EQ(view.status->slots.at("a"), 1u);
  EXPECT_EQ(view.status->retain_slots, std::vector<std::string>{"a"});
  for (const char* junk : {"", "{", "[]", "null", R"({"optime":-1,"slots":[1],"retain_slots":{"a":1}})", "-5"}) {
    apply_put(view, "status", raw(junk));
    EXPECT_FALSE(view.status->optime) << junk;
    EXPECT_TRUE(view.status->slots.empty());
  }
}

TEST(Keys, History) {
  const std::string text =
      R"([[1,67109352,"no recovery target specified","2026-11-22T22:25:56.043033+00:00","n2"],[2,5,"x"],[3,6,"y","2026-11-22T22:25:56+00:00"]])";
  ClusterView view;
  apply_put(view, "history", raw(text, 4));
  ASSERT_TRUE(view.history);
  ASSERT_EQ(view.history->size(), 3u);
  EXPECT_EQ(view.history->front(),
            (core::HistoryLine{1, 67109352, "no recovery target specified", "2026-11-22T22:25:56.043033+00:00", "n2"}));
  EXPECT_EQ(view.history_revision, 4);
  EXPECT_EQ(history_json(*view.history), text);
  EXPECT_EQ(history_json({}), "[]");
  for (const char* junk : {"", "{}", "5", "[5]", R"([["a",1,"x"],[0,1],[1,-1,"x"],[1]])"}) {
    apply_put(view, "history", raw(junk));
    EXPECT_TRUE(view.history && view.history->empty()) << junk;
  }
}

TEST(Keys, Failover) {
  ClusterView view;
  apply_put(view, "failover", raw(R"({"leader":"n0","member":"n1","scheduled_at":"2099-01-01T02:00:00+02:00"})", 31));
  ASSERT_TRUE(view.failover);
  EXPECT_TRUE(view.failover->is_switchover());
  EXPECT_EQ(view.failover->candidate, "n1");
  EXPECT_EQ(view.failover->revision, 31);
  EXPECT_EQ(failover_json(*view.failover),
            R"({"leader":"n0","member":"n1","scheduled_at":"2099-01-01T00:00:00+00:00"})");
  apply_put(view, "failover", raw("{}"));
  EXPECT_FALSE(view.failover);
  apply_put(view, "failover", raw("n0:n1"));
  ASSERT_TRUE(view.failover);
  EXPECT_EQ(view.failover->leader, "n0");
  EXPECT_EQ(view.failover->candidate, "n1");
  for (const char* none : {"", "null", "[]", "{", "7", R"({"leader":"n0","scheduled_at":"soon"})", R"({"leader":5})"}) {
    apply_put(view, "failover", raw(none));
    EXPECT_FALSE(view.failover) << none;
  }
  EXPECT_EQ(failover_json({}), "{}");
  EXPECT_EQ(failover_json({.candidate = "n2"}), R"({"member":"n2"})");
  EXPECT_EQ(failover_json({.candidate = "n2", .force = true}), R"({"member":"n2","force":true})");
  EXPECT_FALSE(parse_failover(R"({"member":"n2"})").force);
  EXPECT_TRUE(parse_failover(R"({"member":"n2","force":true})").force);
}

TEST(Keys, Sync) {
  ClusterView view;
  apply_put(view, "sync", raw(R"({"leader":"n0","quorum":1,"sync_standby":"n2, n1,"})", 41));
  ASSERT_TRUE(view.sync);
  EXPECT_EQ(view.sync->leader, "n0");
  EXPECT_EQ(view.sync->standbys, (std::vector<std::string>{"n2", "n1"}));
  EXPECT_EQ(view.sync->quorum, 1);
  EXPECT_EQ(sync_json(*view.sync), R"({"leader":"n0","quorum":1,"sync_standby":"n1,n2"})");
  for (const char* none :
       {R"({"leader":null,"quorum":0,"sync_standby":null})", "", "{", "[]", R"({"leader":"","sync_standby":"a"})"}) {
    apply_put(view, "sync", raw(none, 42));
    ASSERT_TRUE(view.sync);
    EXPECT_EQ(sync_json(*view.sync), R"({"leader":null,"quorum":0,"sync_standby":null})") << none;
    EXPECT_EQ(view.sync->revision, 42);
  }
}

TEST(Keys, SyncAndStatusTellTheTimeline) {
  ClusterView view;
  const std::string sync =
      R"({"leader":"n0","quorum":0,"sync_standby":null,"timeline":2,"timeline_identity":"0/5000060-3a"})";
  apply_put(view, "sync", raw(sync));
  const core::TimelineStart second{.timeline = 2, .lsn = 0x5000060, .record = "3a"};
  EXPECT_EQ(view.sync->timeline, second);
  EXPECT_EQ(sync_json(*view.sync), sync);
  const std::string status = R"({"optime":7,"timeline":1})";
  apply_put(view, "status", raw(status));
  EXPECT_EQ(view.status->timeline, core::TimelineStart{.timeline = 1});
  EXPECT_EQ(status_json(*view.status), status);
  for (const char* none :
       {R"({"leader":"n0"})", R"({"leader":"n0","timeline":2})", R"({"leader":"n0","timeline":99999999999})",
        R"({"leader":"n0","timeline":2,"timeline_identity":7})"}) {
    apply_put(view, "sync", raw(none));
    EXPECT_FALSE(view.sync->timeline) << none;
  }
}

TEST(Keys, Failsafe) {
  ClusterView view;
  const std::string text = R"({"n0":"http://a:1/patroni","n1":"http://b:1/patroni"})";
  apply_put(view, "failsafe", raw(text));
  ASSERT_TRUE(view.failsafe);
  EXPECT_EQ(failsafe_json(*view.failsafe), text);
  apply_put(view, "failsafe", raw("[]"));
  EXPECT_FALSE(view.failsafe);
}

TEST(IsoTime, ReadsAndWrites) {
  using namespace std::chrono;
  struct Case {
    const char* text;
    const char* utc;  // nullptr if the text is not a time
    bool has_zone = true;
  };
  const Case cases[] = {
      {"2026-11-22T22:25:56.043033+00:00", "2026-11-22T22:25:56.043033+00:00"},
      {"2026-11-22 22:26:10.960453+00:00", "2026-11-22T22:26:10.960453+00:00"},
      {"2099-01-01T00:00:00Z", "2099-01-01T00:00:00+00:00"},
      {"2099-01-01T00:00:00", "2099-01-01T00:00:00+00:00", false},
      {"2099-01-01T01:30+0130", "2099-01-01T00:00:00+00:00"},
      {"2098-12-31T22:00:00.5 -02", "2099-01-01T00:00:00.500000+00:00"},
      {"2099-01-01T00:00:00.1234567 UTC", "2099-01-01T00:00:00.123456+00:00"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"},
      {"2023-02-29T00:00:00Z", nullptr},
      {"2099-13-01T00:00:00Z", nullptr},
      {"2099-01-01T24:00:00Z", nullptr},
      {"2099-01-01", nullptr},
      {"2099-01-01T00:00:00.Z", nullptr},
      {"2099-01-01T00:00:00+0", nullptr},
      {"2099-01-01T00:00:00Zx", nullptr},
      {"yesterday", nullptr},
      {"", nullptr},
  };
  for (const auto& [text, utc, has_zone] : cases) {
    const auto time = parse_iso(text);
    ASSERT_EQ(time.has_value(), utc != nullptr) << text;
    if (!time) continue;
    EXPECT_EQ(format_iso(time->time), utc) << text;
    EXPECT_EQ(time->has_zone, has_zone) << text;
  }
  EXPECT_EQ(format_iso(core::WallTime(microseconds(-1))), "1969-12-31T23:59:59.999999+00:00");
}

}  // namespace
}  // namespace tamada::wire
