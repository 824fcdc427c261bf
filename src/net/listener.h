// Listening sockets for an address as configuration files write it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

// An address, a name (every address of it), or "" or "*" (every address of the machine, of both families where it has
// both). Resolves names at once, blocking: for start and reload. The error names address, port and reason.
// backlog: connections that wait to be accepted; 0: as many as the kernel allows.
core::Result<std::vector<asio::ip::tcp::acceptor>> listen_on(asio::any_io_executor executor, const std::string& address,
                                                             const std::string& port, int backlog);

}  // namespace tamada::net
