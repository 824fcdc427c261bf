#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <random>

#include "sim/archive.h"
#include "sim/campaign.h"
#include "sim/coverage.h"
#include "sim/faults.h"

namespace tamada::sim {

// Makes the names of parameterized tests.
inline void PrintTo(const KnownBug& bug, std::ostream* out) { *out << bug.name; }

namespace {

using namespace std::chrono_literals;

Options seeded(std::uint64_t seed, Duration duration) {
  Options options;
  options.seed = seed;
  options.duration = duration;
  return options;
}

std::string explain(const Options& options, const Outcome& outcome) {
  auto arguments =
      " --duration " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(options.duration).count());
  if (options.nodes > 0) arguments += " --nodes " + std::to_string(options.nodes);
  for (const auto& fault : options.faults) arguments += " --faults " + fault;
  if (options.guard == Options::Guard::on) arguments += " --guard";
  return report(options.seed, outcome, arguments);
}

TEST(Simulation, AClusterComesUpAndStaysUpWithoutFaults) {
  auto options = seeded(1, 120s);
  options.no_faults = true;
  const auto outcome = simulate(options);
  EXPECT_TRUE(outcome.violations.empty()) << explain(options, outcome);
  EXPECT_EQ(outcome.statistics.failovers, 0u);
  EXPECT_EQ(outcome.statistics.lost, 0u);
  EXPECT_GT(outcome.statistics.commits, 100u);
}

TEST(Simulation, TellsWhatNoRunReached) {
  auto options = seeded(1, 120s);
  options.no_faults = true;
  options.coverage = true;
  CoverageCount count;
  for (const auto& entry : simulate(std::move(options)).reached) count.add(entry);
  const auto report = count.report();
  const auto reached = [&](const std::string& entry) { return !report.contains("  " + entry + "\n"); };
  EXPECT_TRUE(reached("rule bootstrap"));
  EXPECT_TRUE(reached("action PublishMember"));
  EXPECT_FALSE(reached("rule dcs_lost"));  // there were no faults
  EXPECT_FALSE(reached("faults pause during node_crash"));
}

TEST(Archive, AStandbyGetsWhatContinuesItsHistory) {
  Wal wal;
  const int first = wal.root("7"), second = wal.fork({first, 100}, 2), twin = wal.fork({first, 150}, 2);
  Archive archive;
  archive.keep(wal, {first, 160});
  EXPECT_FALSE(archive.beyond(wal, {first, 50}, true)) << "there is no archive";
  archive.on = true;
  archive.keep(wal, {first, 160});
  EXPECT_EQ(archive.beyond(wal, {first, 50}, true), (Position{first, 160}));
  EXPECT_FALSE(archive.beyond(wal, {first, 170}, true));

  archive.keep(wal, {second, 100});  // its history file
  EXPECT_EQ(archive.newest(1), 2U);
  EXPECT_EQ(archive.beyond(wal, {first, 50}, true), (Position{first, 160})) << "it has no WAL of the new timeline yet";
  archive.keep(wal, {second, 300});
  archive.keep(wal, {twin, 400});
  EXPECT_EQ(archive.beyond(wal, {first, 50}, true), (Position{second, 300})) << "the first of the twins stays";
  EXPECT_EQ(archive.beyond(wal, {first, 50}, false), (Position{first, 160})) << "it does not leave its timeline";
  EXPECT_EQ(archive.beyond(wal, {first, 120}, true), (Position{first, 160})) << "the new timeline left before";
  EXPECT_FALSE(archive.beyond(wal, {twin, 200}, true));

  EXPECT_EQ(archive.parted(wal, {first, 101}), (Position{second, 300}));
  EXPECT_FALSE(archive.parted(wal, {first, 100}));
  EXPECT_FALSE(archive.parted(wal, {second, 200}));
  EXPECT_FALSE(archive.parted(wal, {twin, 200})) << "of the same number";
}

TEST(Simulation, TheSameSeedIsTheSameRun) {
  const auto first = simulate(seeded(7, 300s));
  const auto second = simulate(seeded(7, 300s));
  EXPECT_EQ(first.trace_hash, second.trace_hash);
  EXPECT_EQ(first.events, second.events);
  EXPECT_NE(first.trace_hash, simulate(seeded(8, 300s)).trace_hash);
}

// The seeds include some that once found a bug.
TEST(Simulation, FixedSeedsPass) {
  for (const std::uint64_t seed : {23, 25, 29, 54, 65, 80, 85, 105, 153, 195, 210, 284, 320, 343, 344, 353}) {
    const auto options = seeded(seed, 600s);
    const auto outcome = simulate(options);
    EXPECT_TRUE(outcome.violations.empty()) << explain(options, outcome);
  }
}

// Each run takes new seeds, as many as the time for a test allows.
TEST(Simulation, FreshSeedsPass) {
  const std::uint64_t base = std::random_device()();
  std::cout << "seeds from " << base << " on\n";
  const auto end = std::chrono::steady_clock::now() + 5s;
  for (auto seed = base; std::chrono::steady_clock::now() < end; ++seed) {
    auto options = seeded(seed, 120s);
    options.nodes = seed % 2 == 0 ? 5 : 3;
    const auto outcome = simulate(options);
    ASSERT_TRUE(outcome.violations.empty()) << explain(options, outcome);
  }
}

TEST(Simulation, StandbyClustersPass) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto options = seeded(seed, 300s);
    options.standby_cluster = true;
    const auto outcome = simulate(options);
    EXPECT_TRUE(outcome.violations.empty()) << explain(options, outcome);
  }
}

class EachFault : public ::testing::TestWithParam<std::string> {};

TEST_P(EachFault, AloneIsSurvived) {
  auto options = seeded(3, 300s);
  options.faults = {GetParam()};
  options.standby_cluster = Faults::of_standby_clusters(GetParam());
  const auto outcome = simulate(options);
  EXPECT_TRUE(outcome.violations.empty()) << explain(options, outcome);
}

INSTANTIATE_TEST_SUITE_P(Faults, EachFault, ::testing::ValuesIn(Faults::names()),
                         [](const auto& info) { return info.param; });

// These injections are not bugs of the daemon. They are an environment that misbehaves, which the daemon has to
// compensate. The read at each heartbeat compensates a lost event, and a keepalive that counted too early or on a lease
// that has ended. A new copy compensates a pg_rewind that did nothing. A standby that does not acknowledge is not named
// in the key sync.
TEST(Simulation, AMisbehavingEnvironmentIsCompensatedFor) {
  for (const char* what : {"watch-loses-events", "rewind-not-done", "sync-names-not-set", "renewal-not-sent",
                           "lost-lease-taken-for-held"}) {
    auto options = seeded(5, 600s);
    options.bugs.name = what;
    const auto outcome = simulate(options);
    EXPECT_TRUE(outcome.violations.empty()) << what << explain(options, outcome);
  }
}

class Injected : public ::testing::TestWithParam<KnownBug> {};

TEST_P(Injected, IsFound) {
  constexpr std::uint64_t seeds_max = 400;
  std::uint64_t seed = 1;
  for (; seed <= seeds_max; ++seed) {
    auto options = seeded(seed, 600s);
    options.faults = GetParam().faults;
    options.settings = GetParam().settings;
    options.standby_cluster = GetParam().standby_cluster;
    options.archive = GetParam().archive;
    auto without = options;
    options.bugs.name = GetParam().name;
    // The same run without the bug must find nothing.
    if (!simulate(options).violations.empty() && simulate(without).violations.empty()) break;
  }
  EXPECT_LE(seed, seeds_max) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(KnownBugs, Injected, ::testing::ValuesIn(known_bugs()), [](const auto& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace tamada::sim
