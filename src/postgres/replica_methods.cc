// Makes a replica by pg_basebackup or by the operator's programs, in the order of create_replica_methods. Source:
// Patroni's documentation, "Replica imaging and bootstrap", section "Building replicas".
#include "net/log.h"
#include "net/process.h"
#include "postgres/conninfo.h"
#include "postgres/files.h"
#include "postgres/node.h"
#include "postgres/script.h"

namespace tamada::postgres {
namespace {

using namespace std::chrono_literals;

constexpr auto basebackup = "basebackup", incremental = "incremental";

config::Method method_of(const Node& node, const std::string& name) {
  const auto& methods = node.local.postgresql.replica_methods;
  const auto it = methods.find(name);
  // If the method has no section, or the section has no command, the method's name is the command.
  config::Method method = it == methods.end() ? config::Method{.name = name, .command = name} : it->second;
  if (method.command.empty()) method.command = name;
  return method;
}

awaitable<Result<void>> run_method(Node& node, config::Method method, core::Upstream upstream) {
  const auto look = co_await node.data.look(true, 10s);
  const bool keep = method.keep_data && look.kind != core::DataDirectory::absent;
  if (keep) {
    if (node.server.current()) co_return core::fail("postgres is running");
    if (auto gone = co_await node.server.wait_for_orphans(); !gone) co_return gone;
    log::info("Leaving data directory uncleaned");
    if (auto marked = co_await mark_incomplete(node, method.name, {}, true); !marked) co_return marked;
  } else if (auto prepared = co_await prepare_data_directory(node, method.name.c_str(), true); !prepared) {
    co_return prepared;
  }
  Script script{.what = "replica method " + method.name, .command = method.command, .arguments = {}, .env = {}};
  script.arguments = method_arguments(method);
  std::string source;
  if (!upstream.host.empty()) {
    const auto& credentials = node.local.postgresql.replication;
    const auto passfile = co_await node.configuration.write_pgpass(
        node.paths.pgpass, pgpass_line(upstream.host, upstream.port, credentials));
    if (!passfile) co_return std::unexpected(passfile.error());
    if (!passfile->empty()) script.env.emplace_back("PGPASSFILE", *passfile);
    source = format(to_upstream(upstream, credentials, PQlibVersion(), "", ""));
  }
  if (!method.no_params) {
    for (const auto& argument : {"--scope=" + node.local.scope, std::string("--role=replica"),
                                 "--datadir=" + node.paths.data_dir, "--connstring=" + source}) {
      script.arguments.push_back(argument);
    }
  }
  co_return co_await run_script(std::move(script), 0s);
}

// Flushes the files of the copy, which the program may not have done. This happens before the mark is removed, so that
// a power cut cannot leave a half copy without a mark.
awaitable<Result<void>> flush_cluster(Node& node) {
  const auto flushed = co_await net::run(
      {.argv = {node.paths.program("initdb"), "--sync-only", "-D", node.paths.data_dir}, .capture = true}, 0s);
  if (!flushed) co_return std::unexpected(flushed.error());
  if (!flushed->ok()) co_return core::fail("cannot flush the new replica to disk: " + last_lines(flushed->output));
  co_return Result<void>();
}

// Makes a standby of the program's copy. Until then the data directory counts as incomplete, because it would look like
// that of a primary.
awaitable<Result<void>> take_over(Node& node, const std::string& method) {
  const int version = node.data.major_version();
  const auto look = co_await node.data.look(true, 10s);
  if (!look.control || version == 0) co_return core::fail("replica method " + method + " left no readable cluster");
  if (auto removed = remove_if_exists(node.paths.in_data_dir("promote")); !removed) co_return removed;
  if (auto made = co_await node.configuration.make_standby(version); !made) co_return made;
  if (auto flushed = co_await flush_cluster(node); !flushed) co_return flushed;
  log::info("replica has been created using {}", method);
  co_return co_await mark_complete(node);
}

}  // namespace

awaitable<Result<void>> create_replica(Node& node, core::Upstream upstream, std::vector<std::string> names) {
  if (names.empty()) names = node.local.postgresql.create_replica_methods;
  if (names.empty()) names = {basebackup};
  Result<void> result = core::fail("no replica method works without a leader");
  std::string errors;
  for (const auto& name : names) {
    if (name == basebackup) {
      if (upstream.host.empty()) continue;
      result = co_await copy_from(node, upstream);
    } else if (name == incremental && !node.local.postgresql.replica_methods.contains(name)) {
      if (upstream.host.empty()) continue;
      result = co_await copy_increment_from(node, upstream);
    } else {
      auto method = method_of(node, name);
      if (upstream.host.empty() && !method.no_leader) continue;
      result = co_await run_method(node, std::move(method), upstream);
      if (result) result = co_await take_over(node, name);
    }
    if (result) break;
    const auto text = fmt::format("Error creating replica using method {}: {}", name, result.error().what);
    if (!node.copy_error.contains(text)) log::error("{}", text);
    errors += text + "\n";
  }
  node.copy_error = result ? std::string() : errors;
  co_return result;
}

}  // namespace tamada::postgres
