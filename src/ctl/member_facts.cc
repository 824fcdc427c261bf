#include "ctl/member_facts.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <tuple>

#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::ctl {
namespace {

std::vector<core::Member> with_api(const core::ClusterView& view) {
  std::vector<core::Member> members;
  for (const auto& [name, member] : view.members) {
    if (!member.api_url.empty()) members.push_back(member);
  }
  return members;
}

std::optional<Json> object_of(const Answer& answer) {
  return answer.response ? wire::parse_object(answer.response->body) : std::nullopt;
}

}  // namespace

std::vector<MemberFacts> ask_members(Session& session, const core::ClusterView& view, core::Duration timeout) {
  const auto members = with_api(view);
  // Both requests are sent to all members at once, so that a silent member costs only one timeout.
  auto asked_members = members;
  asked_members.insert(asked_members.end(), members.begin(), members.end());
  std::vector<std::string> paths(members.size(), "patroni");
  paths.resize(asked_members.size(), "tamada/explain");
  const auto answers = session.request_all(asked_members, paths, timeout);
  std::vector<MemberFacts> all;
  for (const auto& [name, member] : view.members) {
    const auto asked = std::ranges::find(members, name, &core::Member::name);
    if (asked == members.end()) {
      all.push_back({.member = member, .patroni = {}, .explain = {}, .error = "it has no REST API", .clock_s = {}});
      continue;
    }
    const auto i = static_cast<std::size_t>(asked - members.begin());
    const auto &status = answers[i], &explain = answers[members.size() + i];
    all.push_back(diagnosis::member_facts(member, status.response, explain.response, explain.sent, explain.took));
  }
  return all;
}

std::vector<MemberEvent> Journals::news(const core::ClusterView& view, int wait_s) {
  const auto members = with_api(view);
  std::vector<std::string> paths;
  for (const auto& member : members) {
    paths.push_back(fmt::format("tamada/events?since={}&wait={}", last_[member.name], wait_s));
  }
  const auto answers = session_.request_all(members, paths, std::chrono::seconds(wait_s) + patience_);
  std::vector<MemberEvent> news;
  silent_.clear();
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto answer = object_of(answers[i]);
    const Json* events = answer ? wire::find(*answer, "events") : nullptr;
    if (events == nullptr || !events->is_array()) {
      silent_.push_back(members[i].name);
      continue;
    }
    last_[members[i].name] = wire::integer_at(*answer, "last").value_or(0);
    for (const auto& event : *events) {
      Json whole = {{"reporter", members[i].name}};
      whole.update(event);
      news.push_back({.time = wire::text_at(event, "time"),
                      .member = members[i].name,
                      .type = wire::text_at(event, "type"),
                      .text = wire::text_at(event, "text"),
                      .whole = std::move(whole)});
    }
  }
  // Events of one member keep their order, even if its clock was set.
  std::ranges::sort(news, {}, [](const MemberEvent& event) {
    const auto at = wire::parse_iso(event.time);
    return std::tuple(at ? at->time : core::WallTime(), event.member, wire::integer_at(event.whole, "id").value_or(0));
  });
  return news;
}

std::vector<MemberEvent> condensed(const std::vector<MemberEvent>& events) {
  constexpr std::array mergeable = {"decision", "job", "role", "state", "timeline"};
  const auto may_merge = [&](const MemberEvent& event) {
    return std::ranges::find(mergeable, event.type) != mergeable.end();
  };
  std::vector<MemberEvent> lines;
  for (const auto& event : events) {
    auto* line = lines.empty() ? nullptr : &lines.back();
    if (line == nullptr || line->member != event.member || !may_merge(*line) || !may_merge(event) ||
        local_time(line->time, 3) != local_time(event.time, 3)) {
      lines.push_back(event);
      continue;
    }
    // Of "start in progress" and "start began" only the second is shown, because the job's event tells more. A new
    // state of the server is left out if the line has a job, because the job's end implies it.
    const bool same = line->type == "decision" && event.type == "job" &&
                      line->text == wire::text_at(event.whole, "job") + " in progress";
    const bool state_of_job = event.type == "state" && wire::find(line->whole, "job") != nullptr;
    if (state_of_job) continue;
    line->text = same ? event.text : line->text + "; " + event.text;
    for (const auto& [key, value] : event.whole.items()) {
      if (key == "job" || key == "state" || !line->whole.contains(key)) line->whole[key] = value;
    }
  }
  return lines;
}

std::string clock_time(const std::string& iso, int digits) {
  const auto text = local_time(iso, digits);
  return text == iso ? iso : text.substr(11);
}

std::string local_time(const std::string& iso, int digits) {
  const auto parsed = wire::parse_iso(iso);
  if (!parsed) return iso;
  const auto whole = std::chrono::floor<std::chrono::seconds>(parsed->time);
  auto text = fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::chrono::system_clock::to_time_t(whole)));
  if (digits == 0) return text;
  return text + fmt::format(".{:06}", (parsed->time - whole).count()).substr(0, static_cast<std::size_t>(digits) + 1);
}

}  // namespace tamada::ctl
