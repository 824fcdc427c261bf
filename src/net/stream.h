// A connection, plain or TLS, behind one interface, so that HTTP is compiled once.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::net {

class Stream {
 public:
  virtual ~Stream() = default;
  // Throws boost::system::system_error; at the end of the stream the code is asio::error::eof.
  virtual awaitable<std::size_t> read_some(std::span<char> into) = 0;
  virtual awaitable<void> write(std::string_view data) = 0;
  // For servers: awaited before more of the received data is processed.
  virtual awaitable<void> turn() = 0;
  // Closes the connection when this time has passed; a running operation then throws asio::error::timed_out. Each call
  // replaces the previous one. Zero: no deadline.
  virtual void deadline(core::Duration after) = 0;
  virtual void close() = 0;
  virtual std::string peer_address() const = 0;
  // Whether the peer has closed an idle connection, or has sent data without a request. To be checked before the
  // connection is used again.
  virtual bool peer_closed() = 0;
  // Whether the peer presented a TLS certificate, and it was verified.
  virtual bool peer_certificate() const = 0;
};

struct TlsFiles;  // the contents of the files that were last read, see net/tls.h
std::shared_ptr<TlsFiles> unread_tls_files();

struct TlsClient {
  std::string ca_file, cert_file, key_file, key_password;
  bool verify = true;
  bool verify_host = true;  // with verify: the certificate must contain the name of the host
  std::shared_ptr<TlsFiles> files = unread_tls_files();  // shared by all copies of these options
  // Whether the options are equal; the contents of the files are not compared.
  bool operator==(const TlsClient& other) const {
    const auto all = [](const TlsClient& o) {
      return std::tie(o.ca_file, o.cert_file, o.key_file, o.key_password, o.verify, o.verify_host);
    };
    return all(*this) == all(other);
  }
};
// Why the present files cannot be used, so that their earlier contents stay in use; empty when the present files are in
// use.
std::string certificate_trouble(const TlsClient& options);

struct TlsServer {
  std::string cert_file, key_file, key_password, ca_file, ciphers;
  enum class Verify { none, optional, required } verify_client = Verify::none;
  bool operator==(const TlsServer&) const = default;
};

// Resolves the name, connects, and makes the TLS handshake, all within `timeout`. tls == nullptr: without TLS.
awaitable<core::Result<std::unique_ptr<Stream>>> connect(std::string host, std::string port, const TlsClient* tls,
                                                         core::Duration timeout);

}  // namespace tamada::net
