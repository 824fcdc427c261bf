#include "ctl/prompt.h"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace tamada::ctl {
namespace {

// Removes control characters and the sequences of keys such as the arrows, which no name contains.
std::string printable(std::string_view typed) {
  std::string text;
  while (!typed.empty()) {
    if (typed.starts_with("\033[") || typed.starts_with("\033O")) {
      const auto final = std::ranges::find_if(typed.substr(2), [](char c) { return c >= '@' && c <= '~'; });
      typed.remove_prefix(static_cast<std::size_t>(final - typed.begin()));
      if (!typed.empty()) typed.remove_prefix(1);
      continue;
    }
    const auto c = static_cast<unsigned char>(typed.front());
    if (c >= ' ' && c != 0x7f) text += typed.front();
    typed.remove_prefix(1);
  }
  return text;
}

std::optional<std::string> ask(const std::string& question) {
  std::fputs(question.c_str(), stdout);
  std::fflush(stdout);
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return printable(line);
}

}  // namespace

std::optional<std::string> prompt(const std::string& text, const std::optional<std::string>& fallback) {
  const auto question = fallback ? text + " [" + *fallback + "]: " : text + ": ";
  for (;;) {
    auto answer = ask(question);
    if (!answer) return std::nullopt;
    if (!answer->empty()) return answer;
    if (fallback) return fallback;
  }
}

std::optional<std::string> prompt_hidden(const std::string& text) {
  termios before{};
  const bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
  if (terminal) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  auto answer = prompt(text, std::nullopt);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::puts("");
  }
  return answer;
}

std::optional<bool> confirm(const std::string& text) {
  for (;;) {
    auto answer = ask(text + " [y/N]: ");
    if (!answer) return std::nullopt;
    answer->erase(0, answer->find_first_not_of(" \t"));
    answer->erase(answer->find_last_not_of(" \t") + 1);
    std::ranges::transform(*answer, answer->begin(), [](unsigned char c) { return std::tolower(c); });
    if (*answer == "y" || *answer == "yes") return true;
    if (answer->empty() || *answer == "n" || *answer == "no") return false;
    std::puts("Error: invalid input");
  }
}

}  // namespace tamada::ctl
