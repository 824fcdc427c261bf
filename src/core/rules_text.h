// Makes docs/rules.md from the table of rules.
#pragma once

#include <string>

namespace tamada::core {

std::string rules_markdown();

}  // namespace tamada::core
