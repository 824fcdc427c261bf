#include "net/tls.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <initializer_list>

namespace tamada::net {
namespace {

namespace ssl = asio::ssl;
using boost::system::error_code;

core::Error cannot_use(std::string_view what, const std::string& file, const error_code& ec) {
  return {fmt::format("cannot use {} {}: {}", what, file, ec.message())};
}

std::optional<core::Error> use_certificate(ssl::context& context, const std::string& cert, const std::string& key,
                                           const std::string& password) {
  error_code ec;
  // The callback is always set, because without it OpenSSL would ask for the password on the terminal.
  context.set_password_callback([password](auto, auto) { return password; }, ec);
  context.use_certificate_chain_file(cert, ec);
  if (ec) return cannot_use("certificate", cert, ec);
  // As in Python's load_cert_chain, the key may be in the certificate's file.
  const std::string& key_file = key.empty() ? cert : key;
  context.use_private_key_file(key_file, ssl::context::pem, ec);
  if (ec) return cannot_use("private key", key_file, ec);
  return {};
}

TlsContext new_context(ssl::context::method method) {
  auto context = std::make_shared<ssl::context>(method);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  return context;
}

}  // namespace

core::Result<TlsContext> client_context(const TlsClient& options) {
  auto context = new_context(ssl::context::tls_client);
  error_code ec;
  if (!options.verify) {
    context->set_verify_mode(ssl::verify_none, ec);
  } else {
    context->set_verify_mode(ssl::verify_peer, ec);
    if (options.ca_file.empty()) {
      context->set_default_verify_paths(ec);
    } else {
      context->load_verify_file(options.ca_file, ec);
      if (ec) return std::unexpected(cannot_use("CA file", options.ca_file, ec));
    }
  }
  if (!options.cert_file.empty()) {
    const auto& o = options;
    if (auto error = use_certificate(*context, o.cert_file, o.key_file, o.key_password)) return std::unexpected(*error);
  }
  return context;
}

core::Result<TlsContext> server_context(const TlsServer& options) {
  auto context = new_context(ssl::context::tls_server);
  error_code ec;
  const auto& o = options;
  if (auto error = use_certificate(*context, o.cert_file, o.key_file, o.key_password)) return std::unexpected(*error);
  if (!options.ca_file.empty()) {
    context->load_verify_file(options.ca_file, ec);
    if (ec) return std::unexpected(cannot_use("CA file", options.ca_file, ec));
  }
  // The cipher suites of TLS 1.2; those of 1.3 are all good. All of these have forward secrecy: a key that is stolen
  // later does not decrypt recorded traffic.
  const std::string ciphers = options.ciphers.empty() ? "ECDHE+HIGH:DHE+HIGH:!aNULL:!MD5" : options.ciphers;
  if (SSL_CTX_set_cipher_list(context->native_handle(), ciphers.c_str()) != 1) {
    return core::fail(fmt::format("no usable cipher in '{}'", options.ciphers));
  }
  switch (options.verify_client) {
    case TlsServer::Verify::none:
      context->set_verify_mode(ssl::verify_none, ec);
      break;
    case TlsServer::Verify::optional:
      context->set_verify_mode(ssl::verify_peer, ec);
      break;
    case TlsServer::Verify::required:
      context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, ec);
      break;
  }
  // Most connections are idle between two health checks. Their 32 kB of buffers are freed in the meantime.
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  // A session cache would need memory for each client; session tickets do not.
  SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
  // A context that verifies clients must have an id, or resumed sessions fail.
  static constexpr unsigned char session_id[] = "tamada";
  SSL_CTX_set_session_id_context(context->native_handle(), session_id, sizeof session_id - 1);
  return context;
}

std::shared_ptr<TlsFiles> unread_tls_files() { return std::make_shared<TlsFiles>(); }

std::string certificate_trouble(const TlsClient& options) { return options.files->trouble; }

namespace {

// A text that changes whenever one of the files does.
std::string stamp_of(std::initializer_list<std::string> files) {
  std::string stamp;
  for (const auto& file : files) {
    struct stat seen{};
    if (file.empty()) continue;
    if (::stat(file.c_str(), &seen) != 0) seen = {};
    stamp += fmt::format("{}:{}:{}:{}.{} ", seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtim.tv_sec,
                         seen.st_mtim.tv_nsec);
  }
  return stamp;
}

template <class Make>
core::Result<TlsContext> current(TlsFiles& files, std::string stamp, Make make) {
  if (files.context && files.stamp == stamp) return files.context;
  auto made = make();
  if (!made && !files.context) return made;
  // The stamp was taken before the files were read, so that a change in between is seen the next time.
  files.stamp = std::move(stamp);
  files.trouble = made ? "" : made.error().what + ": the previous one stays in use";
  if (made) files.context = std::move(*made);
  return files.context;
}

}  // namespace

core::Result<TlsContext> current_context(const TlsClient& options) {
  const std::string system = options.verify && options.ca_file.empty() ? X509_get_default_cert_file() : "";
  return current(*options.files, stamp_of({options.ca_file, options.cert_file, options.key_file, system}),
                 [&options] { return client_context(options); });
}

core::Result<TlsContext> current_context(const TlsServer& options, TlsFiles& files) {
  return current(files, stamp_of({options.ca_file, options.cert_file, options.key_file}),
                 [&options] { return server_context(options); });
}

}  // namespace tamada::net
