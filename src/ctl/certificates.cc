#include "ctl/certificates.h"

#include <fmt/format.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <ctime>
#include <memory>

namespace tamada::ctl {
namespace {

template <class T, void (*release)(T*)>
struct Releaser {
  void operator()(T* what) const { release(what); }
};
using X509Handle = std::unique_ptr<X509, Releaser<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Releaser<SSL_CTX, SSL_CTX_free>>;
using TlsSession = std::unique_ptr<SSL, Releaser<SSL, SSL_free>>;

core::Result<core::WallTime> end_of(const X509* certificate) {
  std::tm fields{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &fields) != 1) {
    return core::fail("no certificate that can be read");
  }
  return core::WallTime(std::chrono::seconds(timegm(&fields)));
}

// Closes the descriptor in its destructor.
class Socket {
 public:
  Socket() = default;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connect(const std::string& host, const std::string& port, core::Duration timeout) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return false;
    const std::unique_ptr<addrinfo, Releaser<addrinfo, freeaddrinfo>> addresses(found);
    fd_ = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
    const timeval limit{.tv_sec = micros / 1'000'000, .tv_usec = micros % 1'000'000};
    for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) setsockopt(fd_, SOL_SOCKET, option, &limit, sizeof limit);
    return fd_ >= 0 && ::connect(fd_, found->ai_addr, found->ai_addrlen) == 0;
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace

core::Result<core::WallTime> end_of_served_certificate(const std::string& host, const std::string& port,
                                                       core::Duration timeout) {
  Socket socket;
  if (!socket.connect(host, port, timeout)) return core::fail("cannot connect to " + host + ":" + port);
  const Context context(SSL_CTX_new(TLS_client_method()));
  const TlsSession session(SSL_new(context.get()));
  SSL_set_fd(session.get(), socket.fd());
  SSL_set_tlsext_host_name(session.get(), host.c_str());
  // A server that requires a client certificate may refuse the connection, but it has sent its own certificate before.
  SSL_connect(session.get());
  const X509Handle certificate(SSL_get1_peer_certificate(session.get()));
  return end_of(certificate.get());
}

}  // namespace tamada::ctl
