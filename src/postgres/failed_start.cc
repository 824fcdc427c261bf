#include "postgres/failed_start.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "net/disk.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/files.h"
#include "postgres/node.h"

namespace tamada::postgres {
namespace {

constexpr auto sandbox_pattern = "/tmp/tamada_start_XXXXXX";

// The text after "LOG:  " and the like.
std::optional<std::string> after(std::string_view line, std::string_view level) {
  if (!line.starts_with(level)) return std::nullopt;
  line.remove_prefix(level.size());
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return std::string(line);
}

// A directory in which the program postgres reads all of its files and then ends: it has the files of the data
// directory as links, its directories as empty ones, and no pg_wal. Empty if it cannot be made.
std::string make_sandbox(const std::string& data_dir) {
  namespace fs = std::filesystem;
  std::string made = sandbox_pattern;
  if (!::mkdtemp(made.data())) return "";
  const fs::path sandbox = made;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(data_dir, failed)) {
    const auto name = entry.path().filename().string();
    if (name == "pg_wal" || name.starts_with("postmaster.")) continue;
    std::error_code skipped;
    if (entry.is_directory(skipped)) {
      fs::create_directory(sandbox / name, skipped);
    } else if (entry.is_regular_file(skipped)) {
      fs::create_symlink(entry.path(), sandbox / name, skipped);
    }
  }
  fs::copy_file(fs::path(data_dir) / "global/pg_control", sandbox / "global/pg_control", failed);
  return made;
}

// "syntax error in file "/data/postgresql.conf" line 3, near token "x""
bool tells_file_and_line(std::string_view message) {
  const auto file = message.find(" in file \"");
  return file != message.npos && message.find("\" line ", file) != message.npos;
}

// What every server says that starts and ends.
bool is_usual(const std::string& line) {
  return line.starts_with("LOG:  starting PostgreSQL") || line.starts_with("LOG:  listening on") ||
         line.starts_with("LOG:  database system is shut down");
}

struct Sandbox {
  std::string path;
  explicit Sandbox(std::string made) : path(std::move(made)) {}
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  ~Sandbox() {
    if (path.empty()) return;
    asio::post(net::disk_thread(), [path = path] {
      std::error_code failed;
      std::filesystem::remove_all(path, failed);
    });
  }
};

// The lines that the program says if it fails.
awaitable<std::vector<std::string>> output_of(std::vector<std::string> argv) {
  std::vector<std::string> lines;
  net::SpawnOptions options{.argv = std::move(argv), .env = {{"LC_ALL", "C"}}, .unset = {"PATRONI_*"}, .capture = true};
  options.on_line = [&lines](std::string_view line) { lines.emplace_back(line); };
  const auto done = co_await net::run(std::move(options), query_timeout);
  if (!done || done->ok()) lines.clear();
  co_return lines;
}

// postgres -C reads the parameters only.
awaitable<std::vector<std::string>> said_of_parameters(std::vector<std::string> argv) {
  for (const char* word : {"-c", "log_line_prefix=", "-C", "data_directory"}) argv.emplace_back(word);
  co_return co_await output_of(std::move(argv));
}

// Only a server that starts reads pg_hba.conf. In the sandbox it finds no WAL after that, and ends.
awaitable<std::vector<std::string>> said_in_sandbox(std::vector<std::string> argv, std::string data_dir) {
  const Sandbox sandbox(co_await net::on_disk_thread([data_dir] { return make_sandbox(data_dir); }));
  if (sandbox.path.empty()) co_return std::vector<std::string>();
  argv.insert(argv.end(), {"-c", "data_directory=" + sandbox.path, "-c", "unix_socket_directories=" + sandbox.path,
                           "-c", "external_pid_file=" + sandbox.path + "/pid"});
  for (const char* setting :
       {"listen_addresses=", "shared_preload_libraries=", "shared_buffers=128kB", "huge_pages=off",
        "logging_collector=off", "log_destination=stderr", "log_line_prefix=", "lc_messages=C"}) {
    argv.insert(argv.end(), {"-c", setting});
  }
  auto lines = co_await output_of(std::move(argv));
  const auto no_wal = [](const std::string& line) { return line.contains("WAL directory \"pg_wal\" does not exist"); };
  if (std::ranges::any_of(lines, no_wal)) lines.clear();  // it has read all files
  std::erase_if(lines, is_usual);
  co_return lines;
}

}  // namespace

std::string first_mistake(const std::vector<std::string>& lines) {
  std::string told, fatal;
  for (const auto& line : lines) {
    const auto message = after(line, line.starts_with("LOG:") ? "LOG:" : "FATAL:");
    if (message && tells_file_and_line(*message)) return *message;
    if (const auto place = after(line, "CONTEXT:"); place && !told.empty()) {
      constexpr std::string_view word = "line ", of = " of configuration file \"";
      const auto number_end = place->find(of);
      if (place->starts_with(word) && number_end != place->npos && place->ends_with('"')) {
        const auto file = place->substr(number_end + of.size(), place->size() - number_end - of.size() - 1);
        return fmt::format("{} {}: {}", file, place->substr(0, number_end), told);
      }
    }
    if (message && line.starts_with("LOG:")) told = *message;
    if (message && line.starts_with("FATAL:") && fatal.empty()) fatal = (told.empty() ? "" : told + "; ") + *message;
  }
  return fatal;
}

awaitable<std::string> why_start_failed(Node& node, std::vector<std::string> argv) {
  auto lines = co_await said_of_parameters(argv);
  const auto written = parameters_in(read_file(node.paths.conf).value_or(""));
  for (const auto& line : lines) {
    for (const auto& [name, value] : written) {
      if (!line.contains("parameter \"" + name + "\"")) continue;
      node.configuration.refuse_parameter(
          name, value, std::nullopt,
          fmt::format("PostgreSQL does not start with {} = '{}'; its default is used", name, value));
    }
  }
  if (lines.empty()) lines = co_await said_in_sandbox(std::move(argv), node.paths.data_dir);
  for (const auto& line : lines) log::error("postgres cannot start: {}", line);
  co_return first_mistake(lines);
}

}  // namespace tamada::postgres
