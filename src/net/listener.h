// Opens listening sockets for an address in the form of configuration files.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

// The address is an address, a name (all its addresses), or "" or "*" (all addresses of the machine, of both families
// if it has both). Names are resolved at once, which blocks, so this is called only at the start and at a reload. The
// error names address, port and reason. backlog: connections that wait to be accepted; 0: as many as the kernel allows.
core::Result<std::vector<asio::ip::tcp::acceptor>> listen_on(asio::any_io_executor executor, const std::string& address,
                                                             const std::string& port, int backlog);

}  // namespace tamada::net
