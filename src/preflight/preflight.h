// `tamada --check FILE`: finds what would prevent this node from being taken over or started, before anything is
// changed. It only reads: it writes nothing and changes no server.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/local.h"
#include "net/asio.h"

namespace tamada::preflight {

struct Finding {
  enum class Grade { good, warning, error } grade = Grade::good;
  std::string what;
  std::string remedy;  // what to do about it; empty when nothing is wrong
};
using Findings = std::vector<Finding>;

inline Finding good(std::string what) { return {Finding::Grade::good, std::move(what), {}}; }
inline Finding warning(std::string what, std::string remedy) {
  return {Finding::Grade::warning, std::move(what), std::move(remedy)};
}
inline Finding error(std::string what, std::string remedy) {
  return {Finding::Grade::error, std::move(what), std::move(remedy)};
}

// Makes all checks, in the order in which an operator would repair the faults. `local` must outlive the coroutine.
awaitable<Findings> check(asio::any_io_executor executor, const config::Local& local);

std::string text(const Findings& findings);  // for people; the last line is a summary
bool passed(const Findings& findings);       // whether there is no error among them

// The whole command: reads the configuration, prints the findings, and returns the exit status.
int run(const std::string& file, const std::map<std::string, std::string>& environment);

// ---- the parts of the check

// The node: intervals, programs, folders, ports, PostgreSQL started by systemd.
awaitable<Findings> check_node(asio::any_io_executor executor, const config::Local& local, bool server_runs);
// The units that would start PostgreSQL at boot, read from the output of `systemctl list-unit-files`.
std::vector<std::string> enabled_postgres_units(const std::string& unit_files);

// The PostgreSQL server of this node, running or not.
struct Server {
  bool running = false;
  std::string system_identifier;  // empty when there is no data directory yet
  Findings findings;
};
awaitable<Server> check_server(asio::any_io_executor executor, const config::Local& local);

// Checks the DCS, and whether the cluster in it is this node's.
awaitable<Findings> check_dcs(const config::Local& local, std::string system_identifier);

}  // namespace tamada::preflight
