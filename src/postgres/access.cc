#include "postgres/access.h"

#include <boost/asio/ip/tcp.hpp>

#include "core/server_features.h"
#include "net/expiry.h"
#include "postgres/postmaster.h"

namespace tamada::postgres {
namespace {

// Timeouts that are set for the role or the database must not apply to the daemon's statements, which have their own
// time limits.
constexpr const char* local_options = "-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off";

std::string first_item(std::string_view list) {
  auto item = list.substr(0, list.find(','));
  while (item.starts_with(' ')) item.remove_prefix(1);
  while (item.ends_with(' ')) item.remove_suffix(1);
  return std::string(item);
}

void add_credentials(Conninfo& to, const config::Credentials& credentials) {
  for (auto& each : authentication(credentials, PQlibVersion())) to.push_back(std::move(each));
  if (!credentials.password.empty()) to.emplace_back("password", credentials.password);
}

}  // namespace

Access::Address Access::local_address(bool replication) const {
  const auto& postgresql = local_.postgresql;
  Address address{"localhost", postgresql.listen_port.empty() ? "5432" : postgresql.listen_port};
  const auto running = read_postmaster_pid(paths_.data_dir);
  // A change of `listen` takes effect only after a restart of the server.
  if (running && !running->port.empty()) address.port = running->port;
  if (replication ? postgresql.use_unix_socket_repl : postgresql.use_unix_socket) {
    if (running && running->socket_dir.starts_with('/')) return {running->socket_dir, address.port};
    const auto it = postgresql.parameters.find("unix_socket_directories");
    if (it != postgresql.parameters.end() && it->second.starts_with('/')) return {first_item(it->second), address.port};
  }
  const auto& hosts = postgresql.listen_hosts;
  for (const auto& host : hosts) {
    if (host == "*" || host == "localhost" || host == "0.0.0.0" || host == "127.0.0.1") return address;
  }
  if (!hosts.empty()) address.host = hosts.front() == "::" ? "::1" : hosts.front();
  return address;
}

const config::Credentials& Access::rewind_credentials(int server_version) const {
  const auto& postgresql = local_.postgresql;
  const bool own = core::features::grants_rewind(server_version) && !postgresql.rewind.username.empty();
  return own ? postgresql.rewind : postgresql.superuser;
}

awaitable<core::Result<std::string>> Access::resolve(std::string host, core::Duration timeout) const {
  boost::system::error_code error;
  if (asio::ip::make_address(host, error); !error) co_return host;
  if (host == "localhost") co_return std::string("127.0.0.1");
  asio::ip::tcp::resolver resolver(executor_);
  const net::Expiry expiry(executor_, timeout, [&resolver] { resolver.cancel(); });
  const auto [failed, found] = co_await resolver.async_resolve(host, "", asio::as_tuple(use_awaitable));
  if (expiry.expired()) co_return core::fail("cannot resolve " + host + " in time");
  if (failed == asio::error::operation_aborted) throw boost::system::system_error(failed);
  if (failed || found.empty()) co_return core::fail("cannot resolve " + host + ": " + failed.message());
  co_return found.begin()->endpoint().address().to_string();
}

awaitable<core::Result<void>> Access::open_local(Connection& connection, core::Duration timeout,
                                                 std::string database) const {
  const Address address = local_address();
  Conninfo conninfo{{"dbname", database.empty() ? local_.postgresql.database : database},
                    {"port", address.port},
                    // Monitoring knows Patroni's connection by this name.
                    {"fallback_application_name", "Patroni heartbeat"},
                    {"options", local_options}};
  if (address.is_socket()) {
    conninfo.emplace_back("host", address.host);
  } else {
    auto number = co_await resolve(address.host, timeout);
    if (!number) co_return std::unexpected(number.error());
    conninfo.emplace_back("host", address.host);
    conninfo.emplace_back("hostaddr", *number);
  }
  add_credentials(conninfo, local_.postgresql.superuser);
  co_return co_await connection.open(std::move(conninfo), timeout);
}

awaitable<core::Result<void>> Access::open_remote(Connection& connection, core::Upstream upstream,
                                                  config::Credentials credentials, bool replication,
                                                  core::Duration timeout) const {
  // A list of hosts names one primary and its standbys. libpq is told to choose the one that takes writes.
  std::string hosts, numbers, ports;
  core::Error unresolved;
  for (const auto& [host, port] : hosts_and_ports(upstream.host, upstream.port)) {
    core::Result<std::string> number{};
    if (!host.starts_with('/')) number = co_await resolve(host, timeout);
    if (!number) {
      unresolved = number.error();
      continue;
    }
    const std::string comma = hosts.empty() ? "" : ",";
    hosts += comma + host;
    numbers += comma + *number;
    ports += comma + (port.empty() ? "5432" : port);
  }
  if (hosts.empty()) co_return std::unexpected(unresolved);
  Conninfo conninfo{{"dbname", database_of(upstream.conn_url)},
                    {"host", hosts},
                    {"hostaddr", numbers},
                    {"port", ports},
                    {"fallback_application_name", local_.name + " asks"},
                    {"options", local_options}};
  if (hosts.contains(',')) conninfo.emplace_back("target_session_attrs", "read-write");
  if (replication) conninfo.emplace_back("replication", "true");
  add_credentials(conninfo, credentials);
  co_return co_await connection.open(std::move(conninfo), timeout);
}

}  // namespace tamada::postgres
