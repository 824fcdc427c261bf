// Completions for shells and the manual page, made from the command tree.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace tamada::ctl {

std::string bash_completion(const CLI::App& root);
std::string zsh_completion(const CLI::App& root);
std::string fish_completion(const CLI::App& root);

// roff, for man(1): tamadactl(1) with all commands.
std::string manual_page(const CLI::App& root);
// Shows the page by man(1) on a terminal. Elsewhere, or without man(1), prints its source.
void show_manual(const std::string& page);

}  // namespace tamada::ctl
