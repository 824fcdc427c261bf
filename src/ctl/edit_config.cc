#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "config/judge.h"
#include "config/yaml.h"
#include "ctl/commands.h"
#include "ctl/config_edit.h"
#include "ctl/prompt.h"
#include "ctl/terminal.h"
#include "ctl/unified_diff.h"
#include "ctl/yaml_dump.h"
#include "net/files.h"
#include "wire/json.h"
#include "wire/json_merge.h"
#include "wire/python_json.h"
#include "wire/restart_request.h"

extern char** environ;

namespace tamada::ctl {
namespace {

struct Edited {
  std::string text;  // in readable form
  Json value;
};

core::Result<Json> read_yaml(const std::string& file) {
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    auto read = net::read_file(file);
    if (!read) return core::fail(file + ": cannot be read");
    text = std::move(*read);
  }
  auto document = config::parse_yaml(text, file);
  if (!document) return std::unexpected(document.error());
  return std::move(document->value);
}

core::Result<std::string> editor_program() {
  if (const char* own = std::getenv("EDITOR"); own != nullptr && *own != '\0') return own;
  for (const char* folder : {"/usr/local/bin/", "/usr/bin/", "/bin/"}) {
    for (const char* name : {"editor", "vi"}) {
      if (access((std::string(folder) + name).c_str(), X_OK) == 0) return name;
    }
  }
  return fail("EDITOR environment variable is not set. editor or vi are not available",
              "set EDITOR, or use -s key=value, --apply or --replace");
}

core::Result<Edited> edit_by_hand(const std::string& before, std::string cluster) {
  const auto editor = editor_program();
  if (!editor) return std::unexpected(editor.error());
  for (char& c : cluster) c = c == '/' ? '_' : c;
  auto file = (std::filesystem::temp_directory_path() / (cluster + "-config-XXXXXX.yaml")).string();
  const int fd = mkostemps(file.data(), 5, O_CLOEXEC);
  if (fd < 0) return core::fail("cannot make a temporary file " + file);
  close(fd);
  std::ofstream(file, std::ios::binary) << before;
  // EDITOR may have arguments, and quotes around them, as for every other program.
  std::string shell = "sh", option = "-c", program = *editor + " \"$1\"", name = *editor;
  char* argv[] = {shell.data(), option.data(), program.data(), name.data(), file.data(), nullptr};
  pid_t pid = 0;
  int status = 0;
  const int failed = posix_spawnp(&pid, argv[0], nullptr, nullptr, argv, environ);
  if (failed == 0) waitpid(pid, &status, 0);
  Edited edited{.text = net::read_file(file).value_or(""), .value = {}};
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  if (failed != 0) return core::fail(fmt::format("{} cannot be started: {}", *editor, std::strerror(failed)));
  if (WIFSIGNALED(status)) return core::fail(fmt::format("{} was ended by signal {}", *editor, WTERMSIG(status)));
  if (status != 0) return core::fail(fmt::format("Editor exited with return code {}", WEXITSTATUS(status)));
  auto document = config::parse_yaml(edited.text, "the edited configuration");
  if (!document) return std::unexpected(document.error());
  edited.value = std::move(document->value);
  return edited;
}

Colour colour_of(std::string_view line) {
  if (line.starts_with("---") || line.starts_with("+++")) return Colour::bold;
  if (line.starts_with("@@")) return Colour::cyan;
  return line.starts_with('-') ? Colour::red : line.starts_with('+') ? Colour::green : Colour::none;
}

std::string coloured(std::string_view diff) {
  std::string text;
  while (!diff.empty()) {
    const auto end = std::min(diff.find('\n'), diff.size() - 1);
    const auto line = diff.substr(0, end);
    text += paint(line, colour_of(line)) + "\n";
    diff.remove_prefix(end + 1);
  }
  return text;
}

// A text that is longer than the screen is shown by the pager.
void show_diff(const std::string& diff) {
  const auto rows = terminal_size().rows;
  if (rows == 0) return echo(diff);
  const auto text = coloured(diff);
  if (static_cast<std::size_t>(std::ranges::count(text, '\n')) < rows) return echo(text);
  const char* own = std::getenv("PAGER");
  const std::string pager = own != nullptr && *own != '\0' ? own : "less -FRSX";
  std::FILE* into = popen((pager + " 2>/dev/null").c_str(), "w");
  if (into != nullptr) std::fputs(text.c_str(), into);
  if (into == nullptr || pclose(into) != 0) echo(text);  // there is no such pager
}

core::Result<Edited> edit(const EditConfigOptions& options, const std::string& cluster, const Json& config,
                          const std::string& before) {
  auto pairs = options.set;
  for (const auto& pair : options.pg)
    pairs.push_back("postgresql.parameters." + pair.substr(pair.find_first_not_of(' ')));
  if (pairs.empty() && options.apply_file.empty() && options.replace_file.empty()) return edit_by_hand(before, cluster);
  Json changed = config;
  if (!options.replace_file.empty()) {
    auto value = read_yaml(options.replace_file);
    if (!value) return std::unexpected(value.error());
    changed = std::move(*value);
  }
  if (!options.apply_file.empty()) {
    auto value = read_yaml(options.apply_file);
    if (!value) return std::unexpected(value.error());
    wire::merge_json(changed, *value);
  }
  auto set = set_values(std::move(changed), pairs);
  if (!set) return std::unexpected(set.error());
  return Edited{.text = yaml_block(*set), .value = *set};
}

struct Server {
  int version = 0;  // 0 when no server answers
  wire::ServerParameters parameters;
};

// The leader's server, or the first server that answers.
Server running_server(Session& session, const core::ClusterView& view) {
  std::vector<core::Member> members;
  for (const auto& [name, member] : view.members) {
    const bool leads = view.leader && view.leader->name == name;
    members.insert(leads ? members.begin() : members.end(), member);
  }
  for (const auto& member : members) {
    const auto answer = session.request(member, "GET", "patroni");
    const auto status = answer ? wire::parse_object(answer->body) : std::nullopt;
    const Json* version = status ? wire::find(*status, "server_version") : nullptr;
    if (!version || !version->is_number_integer()) continue;
    const auto told = session.request(member, "GET", "tamada/parameters");  // Patroni's daemons do not have this path
    return {version->get<int>(),
            told && told->status == 200 ? wire::parse_server_parameters(told->body) : wire::ServerParameters()};
  }
  return {};
}

// With --force errors are printed as warnings.
Done judge(const config::Judgement& judged, bool by_force) {
  for (const auto& warning : judged.warnings) warn(warning);
  if (judged.errors.empty()) return {};
  std::string text;
  for (const auto& error : judged.errors) {
    if (by_force) warn(error);
    text += (text.empty() ? "" : "\n") + error;
  }
  if (by_force) return {};
  return fail(text, "nothing was changed; --force changes it all the same");
}

// Members act on a change at once, ask their servers, and write their keys.
void tell_pending(Session& session, const std::string& cluster, const core::ClusterView& before,
                  const std::vector<std::string>& parameters) {
  wire::WaitingMembers waiting;
  for (int attempt = 0; attempt < 20 && !waiting.told; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto view = session.cluster(cluster);
    if (!view) return;
    waiting = wire::waiting_for_restart(before, *view, parameters);
  }
  if (waiting.names.empty()) return echo("No member waits for a restart\n");
  echo("A restart is pending on: " + waiting.names + "\n");
}

}  // namespace

Done edit_config(Session& session, const EditConfigOptions& options) {
  const auto cluster = session.find(options.cluster);
  if (!cluster) return std::unexpected(cluster.error());
  const auto& [name, view] = *cluster;
  const auto config = view.config_json ? wire::parse_object(*view.config_json) : std::nullopt;
  if (!config) {
    return fail("The config key does not exist in the cluster " + name,
                "it is written when the cluster is bootstrapped; list shows whether there is one");
  }
  const auto before = yaml_block(*config);
  const auto edited = edit(options, name, *config, before);
  if (!edited) return std::unexpected(edited.error());
  if (!edited->value.is_object()) return core::fail("The configuration must be a mapping");
  if (same(*config, edited->value)) {
    if (!options.quiet) echo("Not changed\n");
    return {};
  }
  if (!options.quiet) show_diff(unified_diff(before, edited->text));
  const auto server = running_server(session, view);
  const auto judged = config::judge_change(*config, edited->value, server.version, server.parameters);
  if (auto good = judge(judged, options.force); !good) return good;
  if ((options.apply_file == "-" || options.replace_file == "-") && !options.force) {
    echo("Use --force option to apply changes\n");
    return {};
  }
  if (!options.force) {
    const auto sure = confirm("Apply these changes?");
    if (!sure) return stopped();
    if (!*sure) return {};
  }
  const auto written = session.write(name, "config", wire::dump_compact(edited->value), view.config_revision);
  if (!written) return std::unexpected(written.error());
  if (!*written) {
    return fail("Config modification aborted due to concurrent changes", "look at show-config, and edit again");
  }
  echo("Configuration changed\n");
  if (options.quiet) return {};
  for (const auto& effect : judged.effects) echo("  " + effect + "\n");
  if (!judged.restarts.empty()) tell_pending(session, name, view, judged.restarts);
  return {};
}

}  // namespace tamada::ctl
