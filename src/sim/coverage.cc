#include "sim/coverage.h"

#include <fmt/format.h>

#include <vector>

#include "core/decide.h"
#include "sim/faults.h"

namespace tamada::sim {

namespace {

constexpr std::uint64_t few = 3;  // runs

// Replaces numbers, names of nodes and WAL positions, in which the same reason differs from run to run.
std::string without_numbers(std::string_view reason) {
  std::string out;
  for (const char c : reason) {
    const bool of_position = c >= 'A' && c <= 'F' && (out.ends_with('/') || out.ends_with("/#"));
    const bool digit = (c >= '0' && c <= '9') || of_position;
    if (!digit) {
      out += c;
    } else if (out.empty() || out.back() != '#') {
      out += '#';
    }
  }
  return out;
}

std::string rule_entry(std::string_view rule) { return fmt::format("rule {}", rule); }
std::string action_entry(std::string_view action) { return fmt::format("action {}", action); }
std::string pair_entry(std::string_view first, std::string_view second) {
  return fmt::format("faults {} during {}", second, first);
}

template <class... All>
std::vector<std::string> action_entries(const std::variant<All...>*) {
  return {action_entry(All::name)...};
}

}  // namespace

void Coverage::decided(const core::Decision& decision) {
  reached_.insert(rule_entry(decision.rule));
  reached_.insert(fmt::format("reason [{}] {}", decision.rule, without_numbers(decision.reason)));
  for (const auto& action : decision.actions) reached_.insert(action_entry(core::name(action)));
}

void Coverage::fault_began(std::string_view name, const std::set<std::string>& open) {
  for (const auto& other : open) reached_.insert(pair_entry(other, name));
}

void CoverageCount::add(std::string_view lines) {
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    ++runs_[std::string(lines.substr(0, end))];
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
}

std::string CoverageCount::report() const {
  std::vector<std::string> wanted = action_entries(static_cast<const core::Action*>(nullptr));
  for (const auto& rule : core::rule_table()) wanted.push_back(rule_entry(rule.name));
  for (const auto& first : Faults::names()) {
    for (const auto& second : Faults::names()) wanted.push_back(pair_entry(first, second));
  }
  std::string text = "never reached:\n";
  for (const auto& entry : wanted) {
    if (!runs_.contains(entry)) text += "  " + entry + "\n";
  }
  text += fmt::format("reasons in fewer than {} runs:\n", few);
  for (const auto& [entry, runs] : runs_) {
    if (runs < few && entry.starts_with("reason ")) text += fmt::format("  {:>3} {}\n", runs, entry);
  }
  return text;
}

}  // namespace tamada::sim
