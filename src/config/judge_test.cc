#include "config/judge.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/dynamic.h"

namespace tamada::config {
namespace {

using Lines = std::vector<std::string>;

const Json cluster = Json::parse(
    R"({"ttl": 30, "tll": 5, "postgresql": {"parameters": {"work_mem": "8MB", "shared_buffers": "lots"}}})");

Judgement change(const std::string& patch) { return judge_change(cluster, merge(cluster, Json::parse(patch)), 150002); }

TEST(Judge, AValueThatCannotWorkIsAnError) {
  struct Case {
    const char *patch, *error;
  };
  const Case cases[] = {
      {R"({"postgresql": {"parameters": 7}})", "postgresql.parameters: is a number; allowed: a mapping"},
      {R"({"postgresql": {"parameters": ["a", "b"]}})", "postgresql.parameters: is a list; allowed: a mapping"},
      {R"({"postgresql": 1})", "postgresql: is a number; allowed: a mapping"},
      {R"({"postgresql": {"parameters": {"work_mem": [1]}}})",
       "postgresql.parameters.work_mem: is a list; allowed: text, a number, a boolean"},
      {R"({"ttl": {"a": 1}})", "ttl: a mapping does not fit; allowed: a whole number from 3 to 315360000"},
      {R"({"ttl": "soon"})", "ttl: text does not fit; allowed: a whole number from 3 to 315360000"},
      {R"({"pause": "maybe"})", "pause: is not a boolean; allowed: true, false, on, off, yes, no"},
      {R"({"parameters": {"work_mem": 1}})",
       "parameters: has no effect here; it belongs into postgresql: postgresql.parameters"},
      {R"({"postgresql": {"parameters": {"shared_buffers": "10TBx"}}})",
       "postgresql.parameters.shared_buffers: '10TBx' is no value for it; allowed: a number from 16 to 1.07374e+09, in "
       "8kB or with a unit"},
      {R"({"postgresql": {"parameters": {"wal_level": "none"}}})",
       "postgresql.parameters.wal_level: 'none' is no value for it; allowed: minimal, replica, logical"},
      {R"({"postgresql": {"parameters": {"x.y = '1'\nwork_mem": "1"}}})",
       "postgresql.parameters: \"x.y = '1'\\nwork_mem\" is no name of a parameter"},
      {R"({"postgresql": {"parameters": {"log_line_prefix": "a\u0000"}}})",
       "postgresql.parameters.log_line_prefix: holds a zero byte"},
  };
  for (const auto& c : cases) EXPECT_EQ(change(c.patch).errors, Lines{c.error}) << c.patch;
}

TEST(Judge, AValueThatIsAdjustedIsAWarning) {
  struct Case {
    const char *patch, *warning;
  };
  const Case cases[] = {
      {R"({"ttl": 1})", "ttl: 1 does not fit; allowed: a whole number from 3 to 315360000"},
      {R"({"loop_wiat": 1})", "loop_wiat: unknown key; it has no effect. Did you mean loop_wait?"},
      {R"({"max_connections": 100})",
       "max_connections: unknown key; it has no effect. Did you mean postgresql.parameters.max_connections?"},
      {R"({"postgresql": {"parameters": {"work_mme": "1MB"}}})",
       "postgresql.parameters.work_mme: PostgreSQL 15 has no such parameter, unless an extension brings it. Did you "
       "mean "
       "work_mem?"},
      {R"({"postgresql": {"parameters": {"commit_siblings": -5}}})",
       "Value=-5 of parameter=commit_siblings is too low, increasing to 0"},
  };
  for (const auto& c : cases) {
    const auto judged = change(c.patch);
    EXPECT_EQ(judged.warnings, Lines{c.warning}) << c.patch;
    EXPECT_EQ(judged.errors, Lines{}) << c.patch;
  }
}

// A setting that was wrong before must not prevent a change of another setting, nor its own correction.
TEST(Judge, OnlyTheChangeIsJudged) {
  EXPECT_EQ(change(R"({"loop_wait": 5, "slots": {"a": {"type": "physical"}}, "postgresql": {"pg_hba": ["x"]}})"),
            Judgement{});
  EXPECT_EQ(change(R"({"tll": null, "postgresql": {"parameters": {"shared_buffers": "1GB"}}})").errors, Lines{});
  EXPECT_EQ(change(R"({"postgresql": null, "synchronous_mode": "quorum", "ttl": "40", "failsafe_mode": "on"})").errors,
            Lines{});
}

TEST(Judge, TellsWhenParametersTakeEffect) {
  EXPECT_EQ(change(R"({"postgresql": {"parameters": {"Max_Connections": 200, "work_mem": "9MB", "a.b": 1}}})").effects,
            (Lines{"a.b: reloaded at once, unless PostgreSQL tells of a pending restart",
                   "max_connections: counts on each node after PostgreSQL's restart there; it is raised from 100 to "
                   "200: restart the standbys before the primary, as restart --rolling does",
                   "work_mem: reloaded at once, unless PostgreSQL tells of a pending restart"}));
  EXPECT_EQ(change(R"({"postgresql": {"parameters": {"work_mem": "8MB"}}})").effects, Lines{});
  EXPECT_EQ(change(R"({"postgresql": {"parameters": {"work_mem": null}}})").effects.size(), 1u);
}

TEST(Judge, NamesTheParametersThatWaitForARestart) {
  const auto judged = change(R"({"postgresql": {"parameters": {"Max_Connections": 50, "work_mem": "9MB"}}})");
  EXPECT_EQ(judged.restarts, Lines{"max_connections"});
  EXPECT_EQ(
      judged.effects[0],
      "max_connections: counts on each node after PostgreSQL's restart there; it is lowered from 100 to 50: restart "
      "the primary first, a standby that is restarted before it keeps the greater value and waits for another "
      "restart");
  EXPECT_EQ(change(R"({"postgresql": {"parameters": {"max_connections": "100"}}})").effects[0],
            "max_connections: counts on each node after PostgreSQL's restart there");
}

TEST(Judge, ParametersOfRecovery) {
  const auto of = [](const char* json, int version) {
    return judge_change(Json::object(), Json::parse(std::string(R"({"postgresql": {"recovery_conf": )") + json + "}}"),
                        version);
  };
  const char* restore = R"({"restore_command": "cp"})";
  EXPECT_EQ(of(restore, 150002).effects, Lines{"restore_command: reloaded at once on standbys"});
  EXPECT_EQ(of(restore, 130002).effects,
            Lines{"restore_command: counts on each standby after PostgreSQL's restart there"});
  EXPECT_EQ(of(restore, 130002).restarts, Lines{"restore_command"});
  EXPECT_EQ(of(restore, 130002).warnings, Lines{});
  EXPECT_EQ(
      of(R"({"recovery_min_apply_delay": "soon"})", 150002).errors,
      Lines{"postgresql.recovery_conf.recovery_min_apply_delay: 'soon' is no value for it; allowed: a number from 0 to "
            "2.14748e+09, in ms or with a unit"});
  EXPECT_EQ(of(R"({"work_mem": "1MB"})", 150002).warnings,
            Lines{"postgresql.recovery_conf: work_mem is no parameter of recovery, it has no effect there"});
  EXPECT_EQ(of(R"({"recovery_target_time": "now"})", 150002).warnings,
            Lines{"postgresql.recovery_conf.recovery_target_time: has no effect, the daemon itself sets it"});
  EXPECT_EQ(of(R"({"trigger_file": "/x"})", 150002).warnings, Lines{});
  const auto among =
      judge_change(Json::object(), Json::parse(R"({"postgresql": {"parameters": {"restore_command": "cp"}}})"), 150002);
  EXPECT_EQ(among.warnings, Lines{});
  EXPECT_EQ(among.effects, Lines{"restore_command: reloaded at once on standbys"});
}

// The running server may be a build with smaller blocks, may have an extension, or may be a fork.
TEST(Judge, ByWhatTheServerThatRunsTells) {
  const wire::ServerParameters own = {
      {.name = "work_mem", .vartype = "integer", .unit = "kB", .min = "64", .max = "2147483647", .words = {}},
      {.name = "wal_segment_size",
       .vartype = "integer",
       .unit = "B",
       .min = "1048576",
       .max = "1073741824",
       .words = {}},
      {.name = "DateStyle", .vartype = "string", .words = {}},
      {.name = "max_connections", .vartype = "integer", .min = "1", .max = "1000", .words = {}},
      {.name = "wal_level", .vartype = "enum", .words = {"minimal", "replica", "logical"}},
      {.name = "gp_pace", .vartype = "real", .min = "0", .max = "1", .words = {}},
      {.name = "pg_stat_statements.max", .vartype = "integer", .min = "100", .max = "1073741823", .words = {}},
      {.name = "pg_stat_statements.track", .vartype = "enum", .words = {"none", "top", "all"}},
      {.name = "pg_stat_statements.save", .vartype = "bool", .words = {}},
      {.name = "default_transaction_isolation", .vartype = "enum", .words = {"serializable", "repeatable read"}},
      {.name = "ssl_min_protocol_version", .vartype = "enum", .words = {"TLSv1", "TLSv1.2"}},
      {.name = "x.huge", .vartype = "enum", .words = {"off", "on", "try"}},
      {.name = "x.level", .vartype = "enum", .words = {"debug1", "log"}}};
  const auto of = [&](const std::string& parameters) {
    return judge_change(Json::object(), Json::parse(R"({"postgresql": {"parameters": )" + parameters + "}}"), 150002,
                        own);
  };
  struct Case {
    const char *parameters, *error;
  };
  const Case cases[] = {
      {R"({"work_mme": "1MB"})",
       "work_mme: the server that runs here has no such parameter to set. Did you mean work_mem?"},
      {R"({"max_connections": 5000})",
       "max_connections: '5000' is no value for it, says the server that runs here; allowed: a number from 1 to 1000"},
      {R"({"gp_pace": "fast"})",
       "gp_pace: 'fast' is no value for it, says the server that runs here; allowed: a number from 0 to 1"},
      {R"({"pg_stat_statements.max": 10})",
       "pg_stat_statements.max: '10' is no value for it, says the server that runs here; allowed: a number from 100 to "
       "1073741823"},
      {R"({"PG_stat_statements.Track": "some"})",
       "PG_stat_statements.Track: 'some' is no value for it, says the server that runs here; allowed: none, top, all"},
      {R"({"pg_stat_statements.save": "perhaps"})",
       "pg_stat_statements.save: 'perhaps' is no value for it, says the server that runs here; allowed: on, off"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(of(c.parameters).errors, Lines{"postgresql.parameters." + std::string(c.error)}) << c.parameters;
  }
  for (const char* good :
       {R"({"work_mem": "1.5MB", "datestyle": "ISO", "max_connections": 1000, "wal_level": "logical"})",
        R"({"gp_pace": 0.5, "pg_stat_statements.max": "100", "pg_stat_statements.track": "TOP"})",
        R"({"default_transaction_isolation": "Repeatable Read", "ssl_min_protocol_version": "TLSv1.2"})",
        R"({"x.huge": true, "x.level": "Debug", "pg_stat_statements.save": "of", "app.user": "anything"})"}) {
    EXPECT_EQ(of(good).errors, Lines{}) << good;
    EXPECT_EQ(of(good).warnings, Lines{}) << good;
  }
  // A name of another version is accepted because some members may have that version. As in Patroni, a number out of
  // range becomes the nearest allowed one.
  EXPECT_EQ(of(R"({"summarize_wal": "on"})").errors, Lines{});
  EXPECT_EQ(of(R"({"summarize_wal": "on"})").warnings.size(), 1u);
  EXPECT_EQ(of(R"({"work_mem": 1})").errors, Lines{});
}

TEST(Judge, WithoutAServerVersionOnlyNamesAreJudged) {
  const auto after = Json::parse(R"({"postgresql": {"parameters": {"nosuch": "1", "a b": "1", "fsync": "perhaps"}}})");
  const auto judged = judge_change(Json::object(), after, 0);
  EXPECT_EQ(judged.errors, Lines{"postgresql.parameters: \"a b\" is no name of a parameter"});
  EXPECT_EQ(judged.warnings, Lines{});
}

TEST(Judge, TheMistakesOfAWholeConfiguration) {
  EXPECT_EQ(mistakes_in(Json::parse(R"({"ttl": 30, "loop_wait": 10})"), 150020), Lines{});
  const auto lines =
      mistakes_in(Json::parse(R"({"ttl": "abc", "postgresql": {"parameters": {"max_conections": 7}}})"), 150020);
  EXPECT_EQ(lines, (Lines{"ttl: text does not fit; allowed: a whole number from 3 to 315360000",
                          "postgresql.parameters.max_conections: PostgreSQL 15 has no such parameter, unless an "
                          "extension brings it. Did you mean max_connections?"}));
}

}  // namespace
}  // namespace tamada::config
