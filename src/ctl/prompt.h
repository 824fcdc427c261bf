// Questions to the operator, worded and read as the library click does for patronictl: its users' expect scripts match.
#pragma once

#include <optional>
#include <string>

namespace tamada::ctl {

// "text [default]: "; asks again while the answer is empty and there is no default. nullopt: the input ended.
std::optional<std::string> prompt(const std::string& text, const std::optional<std::string>& fallback);

// "text: "; the typed text is not shown. nullopt: the input ended.
std::optional<std::string> prompt_hidden(const std::string& text);

// "text [y/N]: ". nullopt: the input ended.
std::optional<bool> confirm(const std::string& text);

}  // namespace tamada::ctl
