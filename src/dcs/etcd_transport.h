// Sends requests to etcd: chooses one of its servers, and keeps the connections and the token.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock_offset.h"
#include "dcs/dcs.h"
#include "dcs/etcd_codec.h"
#include "net/http_client.h"

namespace tamada::dcs {

struct EtcdEndpoint {
  std::string text;  // as configured: http://127.0.0.1:2379
  net::Url url;
  std::string api;  // "/v3" or "/v3beta"; empty until the server has answered once
};

class EtcdTransport {
 public:
  // Whether a request whose answer was lost may be sent again.
  enum class Repeat { never, safe };

  EtcdTransport(std::vector<EtcdEndpoint> endpoints, std::optional<net::TlsClient> tls, std::string username,
                std::string password, bool for_listing = false);

  // Tries each server once, beginning with the one that answered last. With Repeat::never a request is sent at most
  // once, to a server whose connection stands or that has just answered another request on this connection.
  awaitable<DcsResult<Json>> call(std::string path, std::string body, Repeat repeat, Duration timeout);

  // Opens one stream on a connection of its own, to the server that answers requests. An error that `chunk` returns
  // ends the stream. It also ends when a request to its server fails, because the stream of a server that is cut off
  // would stay silent for ever.
  using Chunk = std::function<std::optional<DcsError>(std::string_view)>;
  awaitable<DcsError> stream(std::string path, std::string body, Duration timeout, Chunk chunk);

  // How far this host's clock is ahead of the clock of the server that answered last, by the header Date of its
  // answers.
  Duration clock_ahead() const { return clock_.ahead(); }

  void forget_token() { token_.clear(); }
  std::string certificate_trouble() const { return tls_ ? net::certificate_trouble(*tls_) : ""; }

 private:
  using Client = std::unique_ptr<net::HttpClient>;
  struct Idle {
    std::size_t endpoint;
    Client client;
  };
  struct Stream {
    std::size_t endpoint;
    net::HttpClient* client;
  };
  struct Failure {
    DcsError error;
    bool server_failed;  // the next request begins with another server
    bool may_repeat;     // the request was not carried out, or may be carried out twice
  };
  template <class T>
  using Try = std::expected<T, Failure>;
  struct Login;

  awaitable<Try<Json>> try_once(std::size_t endpoint, std::string path, std::string body, Repeat repeat,
                                Duration timeout);
  awaitable<Try<Client>> checkout(std::size_t endpoint, Duration timeout);
  void checkin(std::size_t endpoint, Client client);
  awaitable<Try<void>> authenticate(std::size_t endpoint, Duration timeout);
  static awaitable<void> log_in(std::shared_ptr<Login> login, net::HttpRequest request);
  Try<void> finish_login(std::size_t endpoint, const Login& login);
  net::HttpRequest post(std::size_t endpoint, std::string_view path, std::string body) const;
  void leave(std::size_t endpoint);
  void selected(std::size_t endpoint);

  std::vector<EtcdEndpoint> endpoints_;
  std::optional<net::TlsClient> tls_;
  std::string username_, password_;
  std::string token_;
  std::map<std::size_t, std::shared_ptr<Login>> logins_;  // by endpoint; those whose outcome no request has seen yet
  bool auth_disabled_ = false;  // a user is configured, but the server has authentication switched off
  bool for_listing_;            // only lists clusters: its answers are limited, and the log does not name the server
  std::size_t current_ = 0;
  std::optional<std::size_t> logged_;
  std::vector<Idle> idle_;
  core::ClockOffset clock_;
  std::vector<Stream> streams_;
};

}  // namespace tamada::dcs
