#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "config/effective.h"
#include "net/process.h"
#include "postgres/configuration_files.h"
#include "preflight/preflight.h"

namespace tamada::preflight {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using asio::ip::tcp;

Findings check_intervals(const config::Local& local) {
  std::vector<std::string> warnings;
  (void)config::settings(local, local.bootstrap.dcs.is_object() ? local.bootstrap.dcs : config::Json::object(),
                         &warnings);
  Findings findings;
  for (auto& text : warnings) {
    findings.push_back(warning("bootstrap.dcs: " + std::move(text),
                               "set ttl, loop_wait and retry_timeout so that loop_wait + 2*retry_timeout <= ttl"));
  }
  if (findings.empty()) findings.push_back(good("ttl, loop_wait and retry_timeout fit each other"));
  return findings;
}

Findings check_programs(const config::Local& local) {
  Findings findings;
  const auto& folder = local.postgresql.bin_dir;
  // Without a folder the daemon finds the programs by its own PATH, which may differ from this command's.
  if (folder.empty()) return findings;
  for (const char* program : {"postgres", "pg_controldata", "pg_basebackup", "pg_rewind", "initdb"}) {
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) continue;
    findings.push_back(error(fmt::format("no program {} in postgresql.bin_dir {}", program, folder),
                             "install PostgreSQL's server programs, or set postgresql.bin_dir to where they are"));
  }
  if (findings.empty()) findings.push_back(good("PostgreSQL's programs are in " + folder));
  return findings;
}

Finding check_running_user() {
  if (::geteuid() != 0) return good("not run as root");
  return warning("run as root, which PostgreSQL refuses",
                 "run the daemon, and this check, as the user who owns the data directory (sudo -u postgres ...)");
}

bool writable(const fs::path& path) { return ::access(path.c_str(), W_OK | X_OK) == 0; }

Findings check_folders(const config::Local& local) {
  Findings findings;
  const fs::path data = local.postgresql.data_dir, parent = data.parent_path();
  const std::string who = fmt::format("the user who runs the daemon (now uid {})", ::geteuid());
  std::error_code ignored;
  struct stat status{};
  if (fs::exists(data, ignored)) {
    if (!fs::is_directory(data, ignored)) {
      findings.push_back(error(data.string() + " is no directory", "move it away, or set postgresql.data_dir"));
    } else if (!writable(data)) {
      findings.push_back(error("the data directory " + data.string() + " is not writable", "give it to " + who));
    } else if (::stat(data.c_str(), &status) == 0 && ::geteuid() != 0 && status.st_uid != ::geteuid()) {
      findings.push_back(error("the data directory " + data.string() + " belongs to another user",
                               "PostgreSQL must be started by the owner of its data: change the owner to " + who));
    }
  } else if (!writable(parent)) {
    findings.push_back(error(fmt::format("the data directory {} cannot be made in {}", data.string(), parent.string()),
                             "make it, and give it to " + who));
  }
  const fs::path config = local.postgresql.config_dir;
  if (config != data && !writable(config)) {
    findings.push_back(error("postgresql.config_dir " + config.string() + " is not writable", "give it to " + who));
  }
  const fs::path pgpass = local.postgresql.pgpass;
  const bool there = fs::exists(pgpass, ignored);
  if (!writable(pgpass.parent_path()) || (there && ::access(pgpass.c_str(), W_OK) != 0)) {
    findings.push_back(
        error("postgresql.pgpass " + pgpass.string() + " is not writable", "set it to a file in a folder of " + who));
  }
  if (findings.empty()) findings.push_back(good("data directory and pgpass are writable"));
  return findings;
}

// PostgreSQL and the daemon do not run yet, so their ports must be free.
Finding check_port(const asio::any_io_executor& executor, const std::string& what, const std::string& host,
                   const std::string& port, const std::string& remedy) {
  boost::system::error_code failed;
  const std::string address = host == "*" || host.empty() ? "0.0.0.0" : host == "localhost" ? "127.0.0.1" : host;
  const auto ip = asio::ip::make_address(address, failed);
  if (failed) return good(what + ": " + host + " is a name, so its port was not tested");
  const tcp::endpoint endpoint(ip, static_cast<unsigned short>(std::atoi(port.c_str())));
  tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(1, failed);
  if (!failed) return good(fmt::format("{} {}:{} is free", what, host, port));
  return error(fmt::format("{} {}:{}: {}", what, host, port, failed.message()), remedy);
}

awaitable<Findings> check_autostart() {
  net::SpawnOptions options{.argv = {"systemctl", "list-unit-files", "--no-legend", "--no-pager", "postgres*"},
                            .capture = true};
  const auto done = co_await net::run(std::move(options), 5s);
  Findings findings;
  if (!done || !done->ok()) co_return findings;  // the machine has no systemd
  for (const auto& unit : enabled_postgres_units(done->output)) {
    findings.push_back(error("systemd starts PostgreSQL by itself: " + unit + " is enabled",
                             "systemctl disable " + unit + " (it goes on running; only the daemon may start it)"));
  }
  if (findings.empty()) findings.push_back(good("systemd does not start PostgreSQL by itself"));
  co_return findings;
}

}  // namespace

std::vector<std::string> enabled_postgres_units(const std::string& unit_files) {
  std::vector<std::string> found;
  std::istringstream lines(unit_files);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string unit, state;
    words >> unit >> state;
    const bool starts = state == "enabled" || state == "enabled-runtime";
    if (starts && unit.starts_with("postgres") && unit.ends_with(".service")) found.push_back(unit);
  }
  return found;
}

awaitable<Findings> check_node(asio::any_io_executor executor, const config::Local& local, bool server_runs) {
  Findings findings = check_intervals(local);
  const auto add = [&findings](Findings more) { findings.insert(findings.end(), more.begin(), more.end()); };
  findings.push_back(check_running_user());
  add(check_programs(local));
  add(check_folders(local));
  findings.push_back(check_port(executor, "restapi.listen", local.restapi.listen_host, local.restapi.listen_port,
                                "stop what listens there (a running Patroni?), or set restapi.listen"));
  if (!server_runs) {
    for (const auto& host : local.postgresql.listen_hosts) {
      findings.push_back(check_port(executor, "postgresql.listen", host, local.postgresql.listen_port,
                                    "the port is used by a server of another data directory: stop it, or set "
                                    "postgresql.listen or postgresql.data_dir"));
    }
  }
  add(co_await check_autostart());
  co_return findings;
}

}  // namespace tamada::preflight
