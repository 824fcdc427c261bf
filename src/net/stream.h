// A connection, plain or TLS, behind one type, so that HTTP is compiled once.
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
  // Throws boost::system::system_error; eof is asio::error::eof.
  virtual awaitable<std::size_t> read_some(std::span<char> into) = 0;
  virtual awaitable<void> write(std::string_view data) = 0;
  // For servers: to be awaited before more of the data that have been read is worked on.
  virtual awaitable<void> turn() = 0;
  // Closes the connection when this much time has passed (what is under way then throws asio::error::timed_out); each
  // call replaces the last. Zero: no deadline.
  virtual void deadline(core::Duration after) = 0;
  virtual void close() = 0;
  virtual std::string peer_address() const = 0;
  // Whether the peer has closed an idle connection, or has sent data without a request; to be asked before the
  // connection is used again.
  virtual bool peer_closed() = 0;
  // The peer showed a TLS certificate, and it was verified.
  virtual bool peer_certificate() const = 0;
};

struct TlsFiles;  // the contents that were last read, see net/tls.h
std::shared_ptr<TlsFiles> unread_tls_files();

struct TlsClient {
  std::string ca_file, cert_file, key_file, key_password;
  bool verify = true;
  bool verify_host = true;  // with verify: the certificate must be for the name that was asked for
  std::shared_ptr<TlsFiles> files = unread_tls_files();  // shared by all copies of these options
  // Whether the options are equal; the contents of the files are not compared.
  bool operator==(const TlsClient& other) const {
    const auto all = [](const TlsClient& o) {
      return std::tie(o.ca_file, o.cert_file, o.key_file, o.key_password, o.verify, o.verify_host);
    };
    return all(*this) == all(other);
  }
};
// Why the present files cannot be used, so that their earlier contents stay in use; empty: the present files are in
// use.
std::string certificate_trouble(const TlsClient& options);

struct TlsServer {
  std::string cert_file, key_file, key_password, ca_file, ciphers;
  enum class Verify { none, optional, required } verify_client = Verify::none;
  bool operator==(const TlsServer&) const = default;
};

// Resolves, connects, and for TLS shakes hands, within `timeout`. tls == nullptr: plain.
awaitable<core::Result<std::unique_ptr<Stream>>> connect(std::string host, std::string port, const TlsClient* tls,
                                                         core::Duration timeout);

}  // namespace tamada::net
