#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/presentation.h"
#include "ctl/completion.h"
#include "ctl/help.h"
#include "ctl/terminal.h"

namespace tamada::ctl {
namespace {

// Escapes what has a meaning in roff: a dot or a quote at the beginning of a line, each backslash and each hyphen.
std::string roff(const std::string& text) {
  std::string escaped = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text) {
    if (c == '\\' || c == '-') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string option_list(const CLI::App& command) {
  std::string text;
  for (const auto& option : options_of(command)) {
    std::string names;
    for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + ("\\fB" + roff(name) + "\\fR");
    if (!option.value.empty()) names += " \\fI" + roff(option.value) + "\\fR";
    text += ".TP\n" + names + "\n" + roff(option.help) + "\n";
  }
  return text;
}

constexpr auto closing = R"(.SH CHANGING THE CONFIGURATION
edit\-config checks a change before it is written. A change that cannot have the intended effect (a value of the wrong kind, a key in the
wrong place, a value that PostgreSQL does not accept) is refused with the reason, and nothing is changed; with \-\-force it is written with
a warning. Unknown keys and parameters give a warning with the most similar known name. Only the change is checked, so earlier mistakes are
not reported.
.PP
Afterwards the command says for each changed parameter whether it takes effect at once or after a restart. It also names the order in which
the servers have to be restarted, if it matters, and the members that now wait for a restart. restart \-\-pending restarts those members.
.PP
If lines of pg_hba.conf or pg_ident.conf cannot be parsed, each node reports that and keeps the previous files.
.SH EXIT STATUS
0 after success, 1 after an error (also if doctor finds a failure), 2 for a command line that cannot be understood.
Under the name patronictl, or with PATRONICTL_COMPAT=1, the status is 0 after those failures after which that of patronictl is 0.
.SH ENVIRONMENT
.TP
.B PATRONICTL_CONFIG_FILE
The configuration file, if \-c is not given.
.TP
.B PATRONICTL_COMPAT
1: the exit status is that of patronictl, whatever name the program has; 0: it is not.
.TP
.B DCS_URL
The DCS connect url, if \-d is not given.
.TP
.B PATRONI_*
These variables override the configuration file, as for the daemon.
.TP
.BR EDITOR ", " PAGER
The programs with which edit\-config edits the text and shows the changes.
.TP
.B NO_COLOR
If it is set, the output has no colours. Without it, output to a terminal has colours.
.SH FILES
.TP
.IR ~/.config/patroni/patronictl.yaml ", " /etc/tamada/config.yml ", " /etc/patroni/config.yml
If no configuration file is named, the first of these files that exists is used. It may be the configuration file of a daemon.
)";

}  // namespace

std::string manual_page(const CLI::App& root) {
  auto text = fmt::format(
      ".TH TAMADACTL 1 \"\" \"tamada, Patroni {}\" \"Cluster administration\"\n"
      ".SH NAME\ntamadactl \\- look at and change a PostgreSQL cluster that tamada or Patroni manages\n"
      ".SH SYNOPSIS\n.B tamadactl\n{}\n.SH DESCRIPTION\n{}\n"
      "It reads the cluster's keys in etcd and speaks to the REST API of its members. "
      "Commands and options are those of patronictl, and some more.\n.SH OPTIONS\n",
      core::compatible_version, roff(synopsis(root)), roff(root.get_description()));
  text += option_list(root) + ".SH COMMANDS\n";
  for (const auto* command : commands_of(root)) {
    text +=
        fmt::format(".SS {}\n{}\n", roff(synopsis(*command)), roff(command->get_description())) + option_list(*command);
  }
  return text + closing;
}

void show_manual(const std::string& page) {
  if (!is_terminal() || std::system("command -v man >/dev/null 2>&1") != 0) return echo(page);
  // The page is written to a file, because man cannot read a page from a pipe and keys from the terminal at the same
  // time.
  auto file = (std::filesystem::temp_directory_path() / "tamadactl-XXXXXX.1").string();
  const int fd = mkostemps(file.data(), 2, O_CLOEXEC);
  if (fd < 0) return echo(page);
  close(fd);
  std::ofstream(file, std::ios::binary) << page;
  const bool shown = std::system(("man -l '" + file + "'").c_str()) == 0;
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  if (!shown) echo(page);
}

}  // namespace tamada::ctl
