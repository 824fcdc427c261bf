// Completions for shells and the manual page, made from the command tree.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace tamada::ctl {

std::string bash_completion(const CLI::App& root);
std::string zsh_completion(const CLI::App& root);
std::string fish_completion(const CLI::App& root);

// The source of the page tamadactl(1) with all commands, in roff for man(1).
std::string manual_page(const CLI::App& root);
// Shows the page with man(1) on a terminal. If there is no terminal or no man(1), it prints the source.
void show_manual(const std::string& page);

}  // namespace tamada::ctl
