#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "ctl/commands.h"
#include "ctl/member_facts.h"
#include "ctl/terminal.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;

Colour colour_of(const MemberEvent& event) {
  const auto severity = event.whole.value("severity", "");
  const auto state = event.whole.value("state", ""), phase = event.whole.value("phase", "");
  if (severity == "error" || state == "failed" || phase == "failed") return Colour::red;
  if (severity == "warning") return Colour::yellow;
  return event.type == "role" || event.type == "leader" || event.type == "handover" ? Colour::green : Colour::none;
}

void print(const MemberEvent& event, std::size_t member_width, bool json) {
  if (json) return echo(wire::dump_python(event.whole) + "\n");
  const auto padding = std::string(member_width - std::min(member_width, width_of(event.member)), ' ');
  echo(fmt::format("{} {}{} {:<8} {}\n", clock_time(event.time, 3), event.member, padding, event.type,
                   paint(event.text, colour_of(event))));
}

}  // namespace

Done events(Session& session, const EventsOptions& options) {
  auto cluster = session.look(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  warn_of(*cluster);
  Journals journals(session, cluster->patience());
  auto news = journals.news(cluster->view, 0);
  if (!journals.silent().empty()) {
    std::string names;
    for (const auto& name : journals.silent()) names += (names.empty() ? "" : ", ") + name;
    if (news.empty() && !options.follow) {
      return fail("No member keeps a journal or answers: " + names, "history shows what etcd keeps of it");
    }
    warn("No journal of " + names + ": it does not answer, or is Patroni");
  }
  const auto wanted = [&](const MemberEvent& event) {
    return options.types.empty() || std::ranges::find(options.types, event.type) != options.types.end();
  };
  std::erase_if(news, [&](const auto& event) { return !wanted(event); });
  const auto last = static_cast<std::size_t>(std::max(options.last, 0));
  if (news.size() > last) news.erase(news.begin(), news.end() - static_cast<std::ptrdiff_t>(last));
  for (;;) {
    std::size_t width = 0;
    for (const auto& [name, member] : cluster->view.members) width = std::max(width, width_of(name));
    for (const auto& event : news) {
      if (wanted(event)) print(event, width, options.json);
    }
    if (!options.follow) return {};
    // Short waits: nobody's news are held back by the others' silence, and come in order.
    news = journals.news(cluster->view, 1);
    if (news.empty() && !journals.silent().empty())
      std::this_thread::sleep_for(1s);  // refused at once, not after a wait
    if (auto now = session.look(cluster->name)) cluster->view = std::move(now->view);
  }
}

}  // namespace tamada::ctl
