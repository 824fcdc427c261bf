// The commands and their options, from which the parser, the help, the shell completions and the manual page are made.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "ctl/commands.h"
#include "ctl/session.h"

namespace tamada::ctl {

class CommandTree {
 public:
  explicit CommandTree(std::string program);

  CLI::App& app() { return app_; }
  const CLI::App& app() const { return app_; }

  // The function of the chosen command, after app().parse(); empty when no command was given.
  const std::function<Done(Session&)>& chosen() const { return chosen_; }
  // The same for commands that need no cluster.
  const std::function<void()>& offline() const { return offline_; }
  SessionOptions session_options() const;

 private:
  template <class Options>
  CLI::App& add(const std::string& name, const std::string& help, Done (*run)(Session&, const Options&),
                const std::function<void(CLI::App&, Options&)>& declare);
  void add_reports();
  void add_moves();
  void add_members();
  void add_configuration();
  void add_insight();
  void add_help();
  void add_offline();

  CLI::App app_;
  SessionOptions session_;
  CLI::Option* config_file_ = nullptr;
  std::optional<int> citus_group_;
  std::function<Done(Session&)> chosen_;
  std::function<void()> offline_;
};

}  // namespace tamada::ctl
