// A fresh copy on request: there are never two at once, it cancels a running job if it is forced, and it uses the
// requested source.
#include <gtest/gtest.h>

#include "core/presentation.h"
#include "core/testing/scene.h"

namespace tamada::core {
namespace {

using namespace testing;

struct Case {
  const char* name;
  JobKind job;
  bool by_force;
  const char* action_name;
};

TEST(Reinitialize, ARunningJobIsCancelledOnlyByForce) {
  const Case cases[] = {{"copying", JobKind::basebackup, false, ""},
                        {"copying, by force", JobKind::basebackup, true, "CancelJob"},
                        {"rewinding, by force", JobKind::rewind, true, "CancelJob"},
                        {"starting, by force", JobKind::start, true, "CancelJob"},
                        {"stopping for it", JobKind::stop, true, ""}};
  for (const auto& c : cases) {
    Scene scene;
    scene.stopped().b_leads().job(c.job, JobState::running);
    scene.seen.requests.reinitialize = true;
    scene.seen.requests.reinitialize_by_force = c.by_force;
    const auto done = action_names(scene.decide());
    EXPECT_EQ(done, *c.action_name ? std::vector<std::string>{c.action_name} : std::vector<std::string>{}) << c.name;
  }
}

TEST(Reinitialize, FromTheLeaderIfAskedFor) {
  for (const bool from_leader : {false, true}) {
    Scene scene;
    scene.stopped().b_leads();
    scene.seen.cluster.members["c"].tags.clonefrom = true;
    scene.seen.requests.reinitialize = true;
    scene.seen.requests.reinitialize_from_leader = from_leader;
    scene.memory = scene.decide().memory;
    scene.seen.requests = {};
    scene.seen.postgres.data_directory = DataDirectory::absent;
    const auto decision = scene.decide();
    const auto* job = find<StartJob>(decision);
    ASSERT_TRUE(job) << decision.reason;
    EXPECT_EQ(job->upstream.member, from_leader ? "b" : "c");
  }
}

TEST(Reinitialize, Progress) {
  Scene scene;
  EXPECT_FALSE(copy_progress(scene.seen));
  scene.no_data().b_leads().job(JobKind::basebackup, JobState::running);
  EXPECT_FALSE(copy_progress(scene.seen)) << "it has not begun yet";
  auto& job = scene.seen.job;
  job.step = "pg_basebackup";
  job.step_since = noon - 10s;
  job.bytes_done = 50'000;
  auto progress = copy_progress(scene.seen);
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->bytes_per_s, 5000u);
  EXPECT_FALSE(progress->seconds_left) << "the total is not known yet";
  job.bytes_total = 100'000;
  EXPECT_EQ(copy_progress(scene.seen)->seconds_left, 10);
}

TEST(Reinitialize, ProgressIsPublishedEveryTwoSeconds) {
  Scene scene;
  scene.no_data().b_leads().job(JobKind::basebackup, JobState::running);
  auto& job = scene.seen.job;
  job.step = "pg_basebackup";
  job.step_since = noon - 10s;
  auto record = member_record(scene.seen, scene.memory, {});
  record.lease = our_lease;
  scene.seen.cluster.members["a"] = record;
  job.bytes_done = 50'000;
  scene.memory.written.member_at = noon - 1s;
  EXPECT_FALSE(find<PublishMember>(scene.decide()));
  scene.memory.written.member_at = noon - 2s;
  EXPECT_TRUE(find<PublishMember>(scene.decide()));
}

}  // namespace
}  // namespace tamada::core
