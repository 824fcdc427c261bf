#include "ctl/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ctl/reinit_progress.h"
#include "wire/cluster_json.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

struct Row {
  std::string name, role, state, timeline, lag, lease, rule;
  Json timeline_number, lease_s;  // null when not known
  std::int64_t lag_bytes = 0, rank = 0;
  Colour colour = Colour::none;
};

std::string rule_of(const MemberFacts& facts) {
  if (!facts.error.empty()) return "no answer";
  const Json* decision = facts.explain ? wire::find(*facts.explain, "decision") : nullptr;
  return decision ? wire::text_at(*decision, "rule") : "";
}

Row row_of(const MemberFacts& facts, const Json& member) {
  Row row;
  row.name = facts.member.name;
  row.role = wire::text_at(member, "role");
  const bool leads = row.role.ends_with("leader");
  row.rank = leads ? 0 : row.role == "replica" ? 2 : 1;
  std::ranges::replace(row.role, '_', ' ');
  row.state = wire::text_at(member, "state");
  if (const auto copied = facts.patroni ? reinit_progress(*facts.patroni) : ""; !copied.empty()) row.state = copied;
  if (facts.member.timeline) {
    row.timeline_number = *facts.member.timeline;
    row.timeline = fmt::format("{}", *facts.member.timeline);
  }
  if (const auto lag = wire::integer_at(member, "replay_lag"); lag && !leads) {
    row.lag_bytes = *lag;
    row.lag = format_bytes(static_cast<std::uint64_t>(*lag));
  }
  if (const Json* left = facts.explain ? wire::find(*facts.explain, "lease_seconds_left") : nullptr;
      left && left->is_number()) {
    row.lease_s = *left;
    row.lease = fmt::format("{:.0f}s", left->get<double>());
  }
  row.rule = rule_of(facts);
  const bool well = row.state == "running" || row.state == "streaming";
  row.colour = !facts.error.empty() ? Colour::red : leads ? Colour::green : well ? Colour::none : Colour::yellow;
  return row;
}

std::vector<Row> rows_of(const TopState& state) {
  const Json cluster = wire::cluster_json(state.view);
  std::vector<Row> rows;
  for (const auto& facts : state.members) {
    for (const auto& member : cluster["members"]) {
      if (member["name"] == facts.member.name) rows.push_back(row_of(facts, member));
    }
  }
  std::ranges::sort(rows, [&](const Row& a, const Row& b) {
    if (state.sort == TopSort::role && a.rank != b.rank) return a.rank < b.rank;
    if (state.sort == TopSort::lag && a.lag_bytes != b.lag_bytes) return a.lag_bytes > b.lag_bytes;
    if (state.sort == TopSort::state && a.state != b.state) return a.state < b.state;
    return a.name < b.name;
  });
  if (state.reversed) std::ranges::reverse(rows);
  return rows;
}

using ScreenCells = std::array<std::string, 7>;
ScreenCells cells_of(const Row& row) {
  return {row.name, row.role, row.state, row.timeline, row.lag, row.lease, row.rule};
}

std::string line_of(const ScreenCells& cells, const std::array<std::size_t, 7>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - width_of(cells[i]), ' ');
    const bool right = i >= 3 && i <= 5;
    line += (i > 0 ? "  " : "") + (right ? padding + cells[i] : cells[i] + padding);
  }
  return line;
}

std::vector<ScreenLine> member_lines(const TopState& state) {
  const ScreenCells head = {"MEMBER", "ROLE", "STATE", "TL", "LAG", "LEASE", "RULE"};
  const auto rows = rows_of(state);
  std::array<std::size_t, 7> widths{};
  const auto widen = [&](const ScreenCells& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
  };
  widen(head);
  for (const auto& row : rows) widen(cells_of(row));
  std::vector<ScreenLine> lines = {{line_of(head, widths), Colour::bold}};
  for (const auto& row : rows) lines.push_back({line_of(cells_of(row), widths), row.colour});
  return lines;
}

std::vector<ScreenLine> head_lines(const TopState& state, std::size_t width) {
  const auto leader = state.view.unlocked() ? std::string("none") : state.view.leader->name;
  std::vector<ScreenLine> lines = {{fmt::format("{}  {}  leader: {}  members: {}  etcd: {:.1f} ms", state.time,
                                                state.cluster, leader, state.members.size(), state.etcd_ms),
                                    Colour::bold}};
  if (!state.problem.empty()) lines.push_back({state.problem.substr(0, state.problem.find('\n')), Colour::red});
  for (const auto& note : state.notes) {
    for (auto& line : wrap_words(note, width)) lines.push_back({std::move(line), Colour::yellow});
  }
  if (wire::cluster_modes(state.view).paused) lines.push_back({"Maintenance mode: on", Colour::yellow});
  if (state.view.unlocked()) lines.push_back({"The cluster has no leader", Colour::red});
  if (const Json cluster = wire::cluster_json(state.view); cluster.contains("scheduled_switchover")) {
    lines.push_back(
        {"Switchover scheduled at: " + wire::text_at(cluster["scheduled_switchover"], "at"), Colour::yellow});
  }
  lines.push_back({});
  return lines;
}

const char* name(TopSort sort) {
  constexpr std::array names = {"name", "role", "lag", "state"};
  return names[static_cast<std::size_t>(sort)];
}

}  // namespace

std::vector<ScreenLine> top_screen(const TopState& state, const Size& size) {
  auto lines = head_lines(state, size.columns);
  for (auto& line : member_lines(state)) lines.push_back(std::move(line));
  lines.push_back({});
  lines.push_back({"EVENTS", Colour::bold});
  // The last line lists the keys; the remaining lines show the newest events.
  const std::size_t room = size.rows > lines.size() + 1 ? size.rows - lines.size() - 1 : 0;
  const std::size_t shown = std::min(room, state.events.size());
  for (std::size_t i = state.events.size() - shown; i < state.events.size(); ++i) {
    const auto& event = state.events[i];
    lines.push_back({fmt::format("{} {} {}: {}", clock_time(event.time, 3), event.member, event.type, event.text)});
  }
  if (size.rows > 0) lines.resize(size.rows - 1);
  lines.push_back({fmt::format("q quit  n name  r role  l lag  s state  v reverse   (by {}{})", name(state.sort),
                               state.reversed ? ", reversed" : ""),
                   Colour::dim});
  for (auto& line : lines) line.text = std::string(fit(line.text, size.columns));
  return lines;
}

Json top_json(const TopState& state) {
  Json members = Json::array();
  const Json cluster = wire::cluster_json(state.view, state.cluster);
  for (const auto& row : rows_of(state)) {
    members.push_back({{"member", row.name},
                       {"role", row.role},
                       {"state", row.state},
                       {"timeline", row.timeline_number},
                       {"lag", row.lag_bytes},
                       {"lease_seconds_left", row.lease_s},
                       {"rule", row.rule}});
  }
  return {{"cluster", state.cluster},
          {"leader", state.view.unlocked() ? Json(nullptr) : Json(state.view.leader->name)},
          {"pause", cluster.contains("pause")},
          {"etcd_ms", state.etcd_ms},
          {"members", std::move(members)}};
}

}  // namespace tamada::ctl
