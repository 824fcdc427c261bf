#include "setup/validate_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "config/address.h"
#include "config/effective.h"
#include "config/local.h"
#include "config/validate.h"
#include "config/yaml.h"
#include "config/yaml_emit.h"
#include "setup/machine.h"

namespace tamada::setup {
namespace {

namespace fs = std::filesystem;
using config::Problem;

// Checks that need the machine itself. Source: Patroni's validator.
class Checks {
 public:
  Checks(const config::Document& document, const config::Local& local, config::Problems& problems)
      : document_(document), local_(local), problems_(problems) {}

  void listen(const std::string& path, const std::vector<std::string>& hosts, const std::string& port) {
    for (const auto& host : hosts) {
      const bool everything = host == "*" || host == "0.0.0.0" || host == "::";
      if (!port.empty() && answers(everything ? "localhost" : host, port)) {
        return fail(path,
                    fmt::format("port {} is already in use; allowed: a free one (or see --ignore-listen-port)", port));
      }
    }
  }

  void reachable_for_others(const std::string& path, const std::string& host) {
    constexpr auto loopback = std::to_array<std::string_view>({"127.0.0.1", "0.0.0.0", "*", "::1", "localhost", "::"});
    if (std::ranges::find(loopback, host) == loopback.end()) return;
    fail(path, fmt::format("'{}' makes the other nodes connect to themselves; allowed: an address of this node", host));
  }

  void etcd() {
    const auto& endpoints = local_.etcd.endpoints;
    if (endpoints.empty()) return;
    std::vector<std::string> silent;
    for (const auto& endpoint : endpoints) {
      const auto url = config::parse_url(endpoint, "2379");
      if (url && !answers(url->host, url->port)) silent.push_back(endpoint);
    }
    const std::string path = document_.value.contains("etcd3") ? "etcd3" : "etcd";
    for (const auto& endpoint : silent) {
      const auto what = fmt::format("{} is not reachable", endpoint);
      silent.size() == endpoints.size() ? fail(path, what) : warn(path, what);
    }
  }

  // The major version of PostgreSQL's programs, such as 15; 0 when there are none.
  int programs() {
    const auto& postgresql = local_.postgresql;
    for (const auto name : {"postgres", "initdb", "pg_controldata", "pg_basebackup", "pg_rewind"}) {
      const auto given = postgresql.bin_name.find(name);
      const std::string program = given == postgresql.bin_name.end() ? name : given->second;
      if (!find_program(postgresql.bin_dir, program).empty()) continue;
      fail("postgresql.bin_dir", fmt::format("no program {} in {}; allowed: the folder of PostgreSQL's programs",
                                             program, postgresql.bin_dir.empty() ? "PATH" : postgresql.bin_dir));
      return 0;
    }
    const auto given = postgresql.bin_name.find("postgres");
    return major_version_of(
        find_program(postgresql.bin_dir, given == postgresql.bin_name.end() ? "postgres" : given->second));
  }

  void data_directory(int programs_version) {
    const fs::path folder = local_.postgresql.data_dir;
    std::error_code error;
    const std::string path = "postgresql.data_dir";
    if (folder.empty() || !fs::exists(folder, error)) return;
    if (!fs::is_directory(folder, error))
      return fail(path, "is not a folder; allowed: a folder, or a path at which a folder can be made");
    if (fs::is_empty(folder, error)) return;
    std::ifstream file(folder / "PG_VERSION");
    double version = 0;
    if (!(file >> version)) {
      return fail(path, fmt::format("{}; allowed: an empty folder, or a data directory of PostgreSQL",
                                    error ? "cannot be read" : "contains other files, but no PG_VERSION"));
    }
    const bool is_ten = version >= 10;
    const char* wal = is_ten ? "pg_wal" : "pg_xlog";
    if (!fs::is_directory(folder / wal, error)) return fail(path, fmt::format("lacks its folder {}", wal));
    if (is_ten && programs_version != 0 && static_cast<int>(version) != programs_version) {
      fail(path, fmt::format("is of version {}, the programs in postgresql.bin_dir are of version {}", version,
                             programs_version));
    }
  }

 private:
  void fail(const std::string& path, const std::string& what) { add(problems_.errors, path, what); }
  void warn(const std::string& path, const std::string& what) { add(problems_.warnings, path, what); }
  void add(std::vector<Problem>& list, const std::string& path, const std::string& what) {
    const Problem problem{config::origin_of(document_, path), fmt::format("{}: {}", path, what)};
    const bool told = std::ranges::any_of(problems_.errors, [&](const Problem& other) {
      return other.origin == problem.origin && other.text.starts_with(path + ":");
    });
    if (!told) list.push_back(problem);
  }

  const config::Document& document_;
  const config::Local& local_;
  config::Problems& problems_;
};

void check_machine(const config::Document& document, const config::Local& local, bool ignore_listen_port,
                   config::Problems& problems) {
  Checks checks(document, local, problems);
  const auto& postgresql = local.postgresql;
  if (!ignore_listen_port) {
    if (!local.restapi.listen_host.empty()) {
      checks.listen("restapi.listen", {local.restapi.listen_host}, local.restapi.listen_port);
    }
    checks.listen("postgresql.listen", postgresql.listen_hosts, postgresql.listen_port);
  }
  for (const auto& [path, address] :
       {std::pair("restapi.connect_address", local.restapi.connect_address),
        std::pair("postgresql.connect_address",
                  config::host_and_port(postgresql.connect_host, postgresql.connect_port)),
        std::pair("postgresql.proxy_address", postgresql.proxy_address)}) {
    const auto parsed = config::parse_addresses(address, "");
    if (parsed && !parsed->hosts.empty()) checks.reachable_for_others(path, parsed->hosts.front());
  }
  checks.etcd();
  checks.data_directory(checks.programs());
}

}  // namespace

int validate_config(const Arguments& arguments, const std::map<std::string, std::string>& environment) {
  config::Problems problems;
  const auto document = config::read_document(arguments.file, environment, problems);
  if (!document) {
    fmt::print(stderr, "{}\n", document.error().what);
    return 1;
  }
  const auto local = config::read_local(*document, environment, config::Purpose::daemon, problems);
  // With these mistakes a cluster could not be created, so they are errors here.
  const auto is_mistake = [](const Problem& warning) {
    return warning.text.starts_with("bootstrap.dcs.") && !warning.text.contains("unknown key");
  };
  std::ranges::copy_if(problems.warnings, std::back_inserter(problems.errors), is_mistake);
  std::erase_if(problems.warnings, is_mistake);
  std::vector<std::string> of_dynamic;
  (void)config::settings(local, local.bootstrap.dcs.is_object() ? local.bootstrap.dcs : config::Json::object(),
                         &of_dynamic);
  for (auto& text : of_dynamic) {
    if (text.starts_with("Violated"))
      problems.warnings.push_back({config::origin_of(*document, "bootstrap.dcs"), text});
  }
  check_machine(*document, local, arguments.ignore_listen_port, problems);

  for (const auto& line : config::lines_of(problems.warnings)) fmt::print(stderr, "warning: {}\n", line);
  for (const auto& line : config::lines_of(problems.errors)) fmt::print(stderr, "{}\n", line);
  if (!problems.errors.empty()) return 1;
  if (arguments.print) fmt::print("{}", config::emit_yaml(document->value, {.width = 80}));
  return 0;
}

}  // namespace tamada::setup
