// Makes streams from connected sockets.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "net/stream.h"
#include "net/tls.h"
#include "net/turns.h"

namespace tamada::net {

// With `turns`, received data are passed on in turns; without, at once.
std::unique_ptr<Stream> plain_stream(asio::ip::tcp::socket socket, std::shared_ptr<Turns> turns = nullptr);

// These make the TLS handshake within `timeout`.
awaitable<core::Result<std::unique_ptr<Stream>>> tls_client_stream(asio::ip::tcp::socket socket, TlsContext context,
                                                                   std::string host, bool verify,
                                                                   core::Duration timeout);
awaitable<core::Result<std::unique_ptr<Stream>>> tls_server_stream(asio::ip::tcp::socket socket, TlsContext context,
                                                                   std::shared_ptr<Turns> turns,
                                                                   core::Duration timeout);

// Connects to the first of `endpoints` that answers; `timeout` is for all of them together. Without a context the
// connection has no TLS.
awaitable<core::Result<std::unique_ptr<Stream>>> connect_to(std::vector<asio::ip::tcp::endpoint> endpoints,
                                                            std::string host, TlsContext context, bool verify,
                                                            core::Duration timeout);

// As connect(), but a thread of its own looks the name up. All other lookups of the loop share one thread and follow
// each other, so a name server that does not answer for one name would delay them all.
awaitable<core::Result<std::unique_ptr<Stream>>> connect_apart(std::string host, std::string port, const TlsClient* tls,
                                                               core::Duration timeout);
asio::any_io_executor lookup_thread();

// Sets TCP_NODELAY, and keepalive probes that find a dead peer in about a minute.
void set_socket_options(asio::ip::tcp::socket& socket);

}  // namespace tamada::net
