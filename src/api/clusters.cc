#include "api/clusters.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "api/json_values.h"
#include "wire/cluster_json.h"
#include "wire/json.h"

namespace tamada::api {
namespace {

constexpr core::Lsn default_lag_max = 1048576;  // of maximum_lag_on_failover

// The kinds of concerns and how bad they are: 3: no service; 2: a failover may not succeed; 1: somebody wants it so.
constexpr std::array<std::pair<std::string_view, int>, 9> kinds{{{"no_leader", 3},
                                                                 {"no_standby", 2},
                                                                 {"not_running", 2},
                                                                 {"missing", 2},
                                                                 {"behind", 2},
                                                                 {"trouble", 2},
                                                                 {"paused", 1},
                                                                 {"pending_restart", 1},
                                                                 {"scheduled_switchover", 1}}};

int badness(const ClusterLine& line) {
  if (line.concerns.empty()) return 0;
  return std::ranges::find(kinds, line.concerns.front(), &decltype(kinds)::value_type::first)->second;
}

bool is_cluster(const core::ClusterView& view) {
  return view.leader || view.initialize || view.config_json || !view.members.empty();
}

std::optional<core::Lsn> largest_lag(const core::ClusterView& view) {
  if (!view.status || !view.status->optime) return std::nullopt;
  const auto end = *view.status->optime;
  std::optional<core::Lsn> largest;
  for (const auto& [name, member] : view.members) {
    if ((view.leader && view.leader->name == name) || member.xlog_location.value_or(0) == 0) continue;
    largest = std::max(largest, std::optional(end - std::min(end, *member.xlog_location)));
  }
  return largest;
}

core::Lsn behind_limit(const core::ClusterView& view) {
  const auto config = wire::parse_object(view.config_json.value_or(""));
  return config ? wire::unsigned_at(*config, "maximum_lag_on_failover").value_or(default_lag_max) : default_lag_max;
}

const core::Member* member_to_ask(const core::ClusterView& view) {
  if (const auto* leader = view.leader_member()) return leader;
  const auto running = std::ranges::find_if(view.members, [](const auto& m) { return m.second.running(); });
  if (running != view.members.end()) return &running->second;
  return view.members.empty() ? nullptr : &view.members.begin()->second;
}

ClusterLine line_of(std::string name_space, std::string scope, const core::ClusterView& view) {
  ClusterLine line{.namespace_ = std::move(name_space),
                   .scope = std::move(scope),
                   .leader = view.unlocked() ? "" : view.leader->name};
  if (const auto* member = member_to_ask(view)) line.api_url = member->api_url;
  const auto any = [&](auto has) {
    return std::ranges::any_of(view.members, [&](const auto& m) { return has(m.second); });
  };
  line.members = view.members.size();
  line.running =
      static_cast<std::size_t>(std::ranges::count_if(view.members, [](const auto& m) { return m.second.running(); }));
  if (view.status) {
    line.missing = static_cast<std::size_t>(std::ranges::count_if(
        view.status->members, [&](const auto& m) { return m.second != 0 && !view.member(m.first); }));
  }
  line.lag = largest_lag(view);
  const std::pair<std::string_view, bool> found[] = {
      {"no_leader", view.unlocked()},
      {"no_standby", line.members < 2},
      {"not_running", line.running < line.members},
      {"missing", line.missing > 0},
      {"behind", line.lag && *line.lag > behind_limit(view)},
      {"trouble", any([](const core::Member& m) { return !m.trouble.empty(); })},
      {"paused", wire::cluster_modes(view).paused},
      {"pending_restart", any([](const core::Member& m) { return m.pending_restart; })},
      {"scheduled_switchover", view.failover && view.failover->scheduled_at}};
  for (const auto& [kind, holds] : found) {
    if (holds) line.concerns.push_back(kind);
  }
  return line;
}

}  // namespace

void ClusterLines::end_cluster() {
  if (is_cluster(view_) && !full()) lines_.push_back(line_of(namespace_, scope_, view_));
  view_ = {};
}

void ClusterLines::begin(std::string name_space) {
  end_cluster();
  namespace_ = std::move(name_space);
  scope_.clear();
}

void ClusterLines::take(std::string_view key, const wire::RawKey& value) {
  const auto slash = key.find('/');
  if (slash == key.npos || slash == 0) return;
  if (const auto scope = key.substr(0, slash); scope != scope_) {
    end_cluster();
    scope_ = scope;
  }
  wire::apply_put(view_, key.substr(slash + 1), value);
}

std::vector<ClusterLine> ClusterLines::finish() && {
  end_cluster();
  std::ranges::sort(lines_, {}, [](const ClusterLine& line) {
    return std::tuple(-badness(line), std::string_view(line.scope), std::string_view(line.namespace_));
  });
  return std::move(lines_);
}

nlohmann::ordered_json cluster_line_json(const ClusterLine& line) {
  nlohmann::ordered_json out = {{"scope", line.scope},
                                {"leader", text_or_null(line.leader)},
                                {"api_url", text_or_null(line.api_url)},
                                {"members", line.members},
                                {"running", line.running},
                                {"missing", line.missing}};
  out["lag"] = line.lag ? nlohmann::ordered_json(*line.lag) : nlohmann::ordered_json(nullptr);
  out["concerns"] = line.concerns;
  if (!line.namespace_.empty()) out["namespace"] = line.namespace_;
  return out;
}

}  // namespace tamada::api
