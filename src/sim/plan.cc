#include "sim/plan.h"

#include <fmt/format.h>

namespace tamada::sim {
namespace {

constexpr std::string_view separator = "----";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end > 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

core::Result<void> take_settings(Plan& plan, const Act& act) {
  for (std::size_t i = 1; i < act.words.size(); ++i) {
    const auto& word = act.words[i];
    const auto equals = word.find('=');
    if (equals == std::string::npos) return core::fail(fmt::format("line {}: {}: name=value", act.line, word));
    plan.settings.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return {};
}

}  // namespace

core::Result<Plan> parse_plan(std::string_view text) {
  Plan plan;
  Chapter chapter;
  bool transcript = false;
  int number = 0;
  const auto end_chapter = [&] {
    if (!chapter.acts.empty() || !chapter.comment.empty()) plan.chapters.push_back(std::move(chapter));
    chapter = {};
    transcript = false;
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) {
      end_chapter();
    } else if (transcript) {
      chapter.transcript += std::string(line) + "\n";
    } else if (line == separator) {
      transcript = true;
    } else if (line.starts_with('#')) {
      chapter.comment += std::string(line) + "\n";
    } else {
      Act act{.line = number, .text = std::string(line), .words = words_of(line)};
      if (act.words.empty()) return core::fail(fmt::format("line {}: blanks only", number));
      if (act.words.front() == "cluster") {
        if (auto taken = take_settings(plan, act); !taken) return std::unexpected(taken.error());
      }
      chapter.acts.push_back(std::move(act));
    }
  }
  end_chapter();
  return plan;
}

std::string format_plan(const Plan& plan) {
  std::string text;
  for (const auto& chapter : plan.chapters) {
    if (!text.empty()) text += "\n";
    text += chapter.comment;
    for (const auto& act : chapter.acts) text += act.text + "\n";
    if (chapter.transcript.empty()) continue;
    text += std::string(separator) + "\n" + chapter.transcript;
  }
  return text;
}

}  // namespace tamada::sim
