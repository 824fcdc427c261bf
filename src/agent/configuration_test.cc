#include "agent/configuration.h"

#include <gtest/gtest.h>

namespace tamada::agent {
namespace {

using namespace std::chrono_literals;

constexpr const char* paused = R"({"ttl": 30, "retry_timeout": 40, "pause": true})";

// In pause a primary runs without the leader key. The copy of the configuration on disk may say "pause" although the
// pause has ended since.
TEST(Configuration, APauseCountsOnlyAfterItWasReadFromTheDcs) {
  Configuration configuration({}, paused);
  EXPECT_FALSE(configuration.settings().pause);
  EXPECT_FALSE(configuration.take_dynamic(paused)) << "the server's settings are the same";
  EXPECT_TRUE(configuration.settings().pause);
  EXPECT_TRUE(configuration.take_dynamic(R"({"ttl": 30})"));
  EXPECT_FALSE(configuration.settings().pause);
}

TEST(Configuration, APauseOfAFormerRunIsNotWrittenIfTheKeyIsGone) {
  Configuration configuration({}, paused);
  EXPECT_EQ(configuration.dynamic_json(), R"({"ttl":30,"retry_timeout":40})");
  configuration.take_dynamic(paused);
  EXPECT_EQ(configuration.dynamic_json(), R"({"ttl":30,"retry_timeout":40,"pause":true})");
}

// A primary that cannot reach the DCS goes on for retry_timeout.
TEST(Configuration, ALongRetryTimeoutCountsOnlyAfterItWasReadFromTheDcs) {
  Configuration configuration({}, R"({"ttl": 120, "retry_timeout": 40})");
  EXPECT_EQ(configuration.settings().retry_timeout, 10s);
  configuration.take_dynamic(R"({"ttl": 120, "retry_timeout": 40})");
  EXPECT_EQ(configuration.settings().retry_timeout, 40s);
  configuration.take_dynamic("no JSON");
  EXPECT_EQ(configuration.settings().retry_timeout, 40s);
}

TEST(Configuration, AnUnreadableKeyStartsNoPause) {
  Configuration configuration({}, paused);
  configuration.take_dynamic("[]");
  EXPECT_FALSE(configuration.settings().pause);
}

TEST(Configuration, ARestApiThatAnybodyMayWriteToIsAProblem) {
  config::Local local;
  local.restapi.listen_host = "10.0.0.1";
  ASSERT_EQ(Configuration(local, "").problems().size(), 1u);
  EXPECT_EQ(Configuration(local, "").problems().front().kind, core::ProblemKind::security);
  local.restapi.username = "operator";
  EXPECT_EQ(Configuration(local, "").problems(), core::Problems{});
}

TEST(Configuration, AProblemOfTheConfigurationIsReportedUntilItIsMended) {
  Configuration configuration({}, R"({"ttl": 30})");
  EXPECT_EQ(configuration.problems(), core::Problems{});
  configuration.take_dynamic(R"({"ttl": "abc"})");
  ASSERT_FALSE(configuration.problems().empty());
  EXPECT_EQ(configuration.problems().front().kind, core::ProblemKind::configuration);
  configuration.take_dynamic("[]");
  EXPECT_TRUE(configuration.problems().front().text.starts_with("the key config is not usable"));
  configuration.take_dynamic(R"({"ttl": 31})");
  EXPECT_EQ(configuration.problems(), core::Problems{});
  configuration.warnings_of_file({"nonsense: unknown key"});
  EXPECT_EQ(configuration.problems(), (core::Problems{{core::ProblemKind::configuration, "nonsense: unknown key"}}));
}

}  // namespace
}  // namespace tamada::agent
