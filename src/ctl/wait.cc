#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "ctl/cluster_goal.h"
#include "ctl/commands.h"
#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
using WaitClock = std::chrono::steady_clock;

std::string first_missing(const core::Result<Sighting>& sighting, const std::vector<Goal>& goals) {
  if (!sighting) return sighting.error().what.substr(0, sighting.error().what.find('\n'));
  if (sighting->source != Sighting::Source::etcd) return sighting->notes.front();
  for (const auto& goal : goals) {
    if (auto why = missing(sighting->view, goal); !why.empty()) return why;
  }
  return "";
}

void show_what_is_missing(const std::string& text) {
  if (is_terminal()) send("\r" + std::string(fit(printable(text), terminal_size().columns)) + "\033[K");
}

}  // namespace

Done wait_for_goals(Session& session, const WaitOptions& options) {
  std::vector<Goal> goals;
  std::string asked;
  for (const auto& text : options.goals.empty() ? std::vector<std::string>{"healthy"} : options.goals) {
    auto goal = parse_goal(text);
    if (!goal) return std::unexpected(goal.error());
    goals.push_back(std::move(*goal));
    asked += (asked.empty() ? "" : ", ") + text;
  }
  const auto name = session.cluster_name(options.cluster);
  if (!name) return std::unexpected(name.error());
  const auto begun = WaitClock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(WaitClock::now() - begun).count(); };
  for (;;) {
    const auto why = first_missing(session.look(*name, false), goals);
    if (why.empty()) {
      show_what_is_missing("");
      echo(fmt::format("Success: cluster {} is as asked ({}) after {:.1f} s\n", *name, asked, seconds()));
      return {};
    }
    if (seconds() >= options.timeout_s) {
      show_what_is_missing("");
      return core::fail(
          fmt::format("cluster {} is not as asked ({}) within {:g} s: {}", *name, asked, options.timeout_s, why));
    }
    show_what_is_missing("waiting: " + why);
    std::this_thread::sleep_for(std::min<std::chrono::duration<double>>(
        250ms, std::chrono::duration<double>(std::max(options.timeout_s - seconds(), 0.0))));
  }
}

}  // namespace tamada::ctl
