// How the daemon connects to servers: to the local one as superuser, to others with the configured credentials.
#pragma once

#include <string>

#include "config/local.h"
#include "core/postgres_view.h"
#include "postgres/configuration_files.h"
#include "postgres/connection.h"

namespace tamada::postgres {

// The time within which a healthy server accepts a connection and answers a simple query.
inline constexpr core::Duration query_timeout = std::chrono::seconds(5);

class Access {
 public:
  Access(asio::any_io_executor executor, const config::Local& local, const Paths& paths)
      : executor_(std::move(executor)), local_(local), paths_(paths) {}

  struct Address {
    std::string host;  // a socket's directory, a name, or an IP address
    std::string port;
    bool is_socket() const { return host.starts_with('/'); }
  };
  // As in Patroni: the Unix socket if use_unix_socket (use_unix_socket_repl for replication connections) is set,
  // otherwise localhost if the server listens on it, otherwise the first address.
  Address local_address(bool replication = false) const;

  // Connects to a database of the local server as superuser; an empty name means the configured database.
  awaitable<core::Result<void>> open_local(Connection& connection, core::Duration timeout,
                                           std::string database = {}) const;
  awaitable<core::Result<void>> open_remote(Connection& connection, core::Upstream upstream,
                                            config::Credentials credentials, bool replication,
                                            core::Duration timeout) const;
  const config::Credentials& rewind_credentials(int server_version) const;

 private:
  awaitable<core::Result<std::string>> resolve(std::string host, core::Duration timeout) const;

  asio::any_io_executor executor_;
  const config::Local& local_;
  const Paths& paths_;
};

}  // namespace tamada::postgres
