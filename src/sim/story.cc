#include "sim/story.h"

#include "net/log.h"
#include "sim/player.h"
#include "sim/simulation.h"

namespace tamada::sim {

using namespace std::chrono_literals;

namespace {

core::Result<void> tell(Plan& plan, Cluster& cluster, Checker& checker) {
  Player player(cluster, checker);
  for (int id = 0; id < cluster.size(); ++id) {
    cluster.scheduler.at(100ms * id, [&cluster, id] { cluster.start_daemon(id); });
  }
  cluster.scheduler.at(1s, [&checker] { checker.client(); });
  for (auto& chapter : plan.chapters) {
    for (const auto& act : chapter.acts) {
      if (auto done = player.perform(act); !done) return done;
    }
    chapter.transcript = player.transcript();
    if (!checker.violations().empty()) return core::fail(checker.violations().front() + "\n" + chapter.transcript);
  }
  return {};
}

}  // namespace

core::Result<Plan> tell_story(Plan plan, Options options) {
  options.calm = true;
  options.settings = plan.settings;
  log::redirect([](log::Level, std::string_view) {});
  core::Result<void> told;
  {
    Cluster cluster(std::move(options));
    Checker checker(cluster);
    told = tell(plan, cluster, checker);
  }
  log::redirect({});
  if (!told) return std::unexpected(told.error());
  return plan;
}

}  // namespace tamada::sim
