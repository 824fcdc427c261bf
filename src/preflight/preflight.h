// `tamada --check FILE`: what would stop this node from being taken over or started, found before anything is changed.
// Looks only: nothing is written, no server is touched.
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
  std::string remedy;  // what to do about it; empty for what is good
};
using Findings = std::vector<Finding>;

inline Finding good(std::string what) { return {Finding::Grade::good, std::move(what), {}}; }
inline Finding warning(std::string what, std::string remedy) {
  return {Finding::Grade::warning, std::move(what), std::move(remedy)};
}
inline Finding error(std::string what, std::string remedy) {
  return {Finding::Grade::error, std::move(what), std::move(remedy)};
}

// All of it, in the order in which an operator would repair it. `local` must outlive the coroutine.
awaitable<Findings> check(asio::any_io_executor executor, const config::Local& local);

std::string text(const Findings& findings);  // for people; ends with a line that sums it up
bool passed(const Findings& findings);       // no error among them

// All of it for the program: reads the configuration, prints, and returns the status to leave with.
int run(const std::string& file, const std::map<std::string, std::string>& environment);

// ---- its parts

// The node: intervals, programs, folders, ports, PostgreSQL started by systemd.
awaitable<Findings> check_node(asio::any_io_executor executor, const config::Local& local, bool server_runs);
// The units that would start PostgreSQL at boot, from the output of `systemctl list-unit-files`.
std::vector<std::string> enabled_postgres_units(const std::string& unit_files);

// The PostgreSQL server that is there, running or not.
struct Server {
  bool running = false;
  std::string system_identifier;  // empty: there is no data directory yet
  Findings findings;
};
awaitable<Server> check_server(asio::any_io_executor executor, const config::Local& local);

// The DCS, and whether the cluster in it is this node's.
awaitable<Findings> check_dcs(const config::Local& local, std::string system_identifier);

}  // namespace tamada::preflight
