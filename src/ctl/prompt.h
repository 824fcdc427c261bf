// Asks the operator questions in the words and by the rules of the library click, which patronictl uses, because its
// users' expect scripts depend on them.
#pragma once

#include <optional>
#include <string>

namespace tamada::ctl {

// Prints "text [default]: ", and asks again while the answer is empty and there is no default. nullopt when the input
// ended.
std::optional<std::string> prompt(const std::string& text, const std::optional<std::string>& fallback);

// Prints "text: ", and does not show what is typed. nullopt when the input ended.
std::optional<std::string> prompt_hidden(const std::string& text);

// Prints "text [y/N]: ". nullopt when the input ended.
std::optional<bool> confirm(const std::string& text);

}  // namespace tamada::ctl
