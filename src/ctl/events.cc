#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "ctl/commands.h"
#include "ctl/member_facts.h"
#include "ctl/schedule.h"
#include "ctl/terminal.h"
#include "wire/keys.h"
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

void print(const MemberEvent& event, std::size_t member_width) {
  const auto padding = std::string(member_width - std::min(member_width, width_of(event.member)), ' ');
  echo(fmt::format("{} {}{} {:<8} {}\n", local_time(event.time, 3), event.member, padding, event.type,
                   paint(event.text, colour_of(event))));
}

void print(const std::vector<MemberEvent>& events, const core::ClusterView& view, bool json) {
  if (json) {
    for (const auto& event : events) echo(wire::dump_python(event.whole) + "\n");
    return;
  }
  std::size_t width = 0;
  for (const auto& [name, member] : view.members) width = std::max(width, width_of(name));
  for (const auto& event : condensed(events)) print(event, width);
}

// "10m" means ten minutes ago. Any other text is a point in time; a time of day that is still to come today is taken as
// yesterday's.
core::Result<std::optional<core::WallTime>> since_when(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto back = [](core::Duration period) {
    return wall_now() - std::chrono::duration_cast<std::chrono::microseconds>(period);
  };
  if (const auto period = parse_period(*text)) return back(*period);
  auto at = parse_scheduled(*text);
  if (at && *at && **at > wall_now() && text->find(':') < 3) return **at - std::chrono::hours(24);
  return at;
}

// Selects events by the options.
class EventFilter {
 public:
  EventFilter(const EventsOptions& options, std::optional<core::WallTime> since) : options_(options), since_(since) {}

  void apply(std::vector<MemberEvent>& events) const {
    std::erase_if(events, [&](const auto& event) { return !passes(event); });
  }
  // Limits past events to the number of last ones that was asked for.
  void apply_to_past(std::vector<MemberEvent>& events) const {
    apply(events);
    const auto last = static_cast<std::size_t>(std::max(options_.last.value_or(since_ ? 1'000'000 : 50), 0));
    if (events.size() > last) events.erase(events.begin(), events.end() - static_cast<std::ptrdiff_t>(last));
  }

 private:
  static bool is_one_of(const std::vector<std::string>& wanted, const std::string& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
  }
  bool passes(const MemberEvent& event) const {
    const auto at = since_ ? wire::parse_iso(event.time) : std::nullopt;
    return is_one_of(options_.types, event.type) && is_one_of(options_.members, event.member) &&
           (!at || at->time >= *since_);
  }

  const EventsOptions& options_;
  std::optional<core::WallTime> since_;
};

}  // namespace

Done events(Session& session, const EventsOptions& options) {
  const auto since = since_when(options.since);
  if (!since) return std::unexpected(since.error());
  auto cluster = session.look(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  warn_of(*cluster);
  Journals journals(session, cluster->patience());
  auto news = journals.news(cluster->view, 0);
  for (const auto& name : options.members) {
    if (cluster->view.member(name) == nullptr) return fail("No member " + name, "list shows the members");
  }
  if (!journals.silent().empty()) {
    std::string names;
    for (const auto& name : journals.silent()) names += (names.empty() ? "" : ", ") + name;
    if (news.empty() && !options.follow) {
      return fail("No member that answers keeps a journal: " + names, "history shows what etcd keeps of it");
    }
    warn("No journal of " + names + ": it does not answer, or is Patroni");
  }
  const EventFilter filter(options, *since);
  filter.apply_to_past(news);
  for (;;) {
    print(news, cluster->view, options.json);
    if (!options.follow) return {};
    // Each wait is short, so that silent members do not delay the events of others, and the events come in order.
    news = journals.news(cluster->view, 1);
    const bool silence = news.empty();
    filter.apply(news);
    // Members that refuse the request answer at once, so the loop has to pause by itself.
    if (silence && !journals.silent().empty()) std::this_thread::sleep_for(1s);
    if (auto now = session.look(cluster->name)) cluster->view = std::move(now->view);
  }
}

}  // namespace tamada::ctl
