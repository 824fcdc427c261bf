#include "dcs/etcd3.h"

#include <chrono>
#include <utility>

#include "dcs/etcd_codec.h"
#include "dcs/etcd_transport.h"

namespace tamada::dcs {
namespace {

using Repeat = EtcdTransport::Repeat;
constexpr Duration watch_connect_timeout = std::chrono::seconds(5);

template <class T>
DcsResult<T> checked(std::optional<T> parsed, const char* what) {
  if (parsed) return std::move(*parsed);
  return std::unexpected(
      DcsError{ErrorKind::unreachable, std::string("etcd: the answer does not fit the request ") + what});
}

}  // namespace

core::Result<std::unique_ptr<Etcd3>> Etcd3::create(const config::Etcd& options, bool for_listing) {
  std::vector<EtcdEndpoint> endpoints;
  for (const auto& text : options.endpoints) {
    auto url = net::Url::parse(text);
    if (!url) return core::fail("etcd endpoint " + text + ": " + url.error().what);
    endpoints.push_back({.text = text, .url = std::move(*url), .api = {}});
  }
  if (endpoints.empty()) return core::fail("no etcd endpoint is configured");
  const bool tls = endpoints.front().url.scheme == "https";
  for (const auto& endpoint : endpoints) {
    if ((endpoint.url.scheme == "https") != tls) return core::fail("etcd endpoints mix http and https");
  }
  std::optional<net::TlsClient> client;
  if (tls) {
    client = net::TlsClient{.ca_file = options.cacert, .cert_file = options.cert, .key_file = options.key};
  }
  return std::unique_ptr<Etcd3>(new Etcd3(std::make_unique<EtcdTransport>(
      std::move(endpoints), std::move(client), options.username, options.password, for_listing)));
}

Etcd3::Etcd3(std::unique_ptr<EtcdTransport> transport) : transport_(std::move(transport)) {}
Etcd3::~Etcd3() = default;

std::string Etcd3::certificate_trouble() const { return transport_->certificate_trouble(); }

awaitable<DcsResult<Range>> Etcd3::range(std::string prefix, Revision min_mod_revision, Duration timeout) {
  auto answer = co_await transport_->call("/kv/range", range_body(prefix, min_mod_revision), Repeat::safe, timeout);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return checked(parse_range(*answer), "range");
}

awaitable<DcsResult<Range>> Etcd3::range_after(std::string prefix, std::string after, int limit, Duration timeout) {
  auto answer = co_await transport_->call("/kv/range", range_after_body(prefix, after, limit), Repeat::safe, timeout);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return checked(parse_range(*answer), "range");
}

awaitable<DcsResult<Range>> Etcd3::names_after(std::string prefix, std::string after, int limit, Duration timeout) {
  auto answer = co_await transport_->call("/kv/range", names_after_body(prefix, after, limit), Repeat::safe, timeout);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return checked(parse_range(*answer), "names");
}

awaitable<DcsResult<TxnResult>> Etcd3::txn(std::vector<Compare> compares, std::vector<Operation> operations,
                                           Duration timeout) {
  auto answer = co_await transport_->call("/kv/txn", txn_body(compares, operations), Repeat::never, timeout);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return checked(parse_txn(*answer), "txn");
}

awaitable<DcsResult<LeaseGrant>> Etcd3::lease_grant(Duration ttl, Duration timeout) {
  // A repeated request may leave a lease that nobody knows. No key is on such a lease, and it ends by itself.
  auto answer = co_await transport_->call("/lease/grant", grant_body(ttl), Repeat::safe, timeout);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return checked(parse_grant(*answer), "lease grant");
}

awaitable<DcsResult<Duration>> Etcd3::lease_keepalive(LeaseId id, Duration timeout) {
  auto answer = co_await transport_->call("/lease/keepalive", lease_body(id), Repeat::safe, timeout);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  auto remaining = checked(parse_keepalive(*answer), "keepalive");
  // etcd answers for a lease that has ended with 200 and no TTL.
  if (remaining && *remaining <= Duration::zero()) {
    co_return std::unexpected(DcsError{ErrorKind::lease_gone, "etcd: the lease has ended"});
  }
  co_return remaining;
}

awaitable<DcsResult<void>> Etcd3::lease_revoke(LeaseId id, Duration timeout) {
  auto answer = co_await transport_->call("/lease/revoke", lease_body(id), Repeat::safe, timeout);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  co_return DcsResult<void>{};
}

Duration Etcd3::clock_ahead() const { return transport_->clock_ahead(); }

awaitable<DcsError> Etcd3::watch(std::string prefix, Revision from, std::function<void(WatchBatch)> on_batch) {
  WatchParser parser(from);
  EtcdTransport::Chunk chunk = [&](std::string_view piece) {
    std::vector<WatchBatch> batches;
    auto error = parser.feed(piece, batches);
    for (auto& batch : batches) on_batch(std::move(batch));
    if (parser.auth_failed()) transport_->forget_token();
    return error;
  };
  co_return co_await transport_->stream("/watch", watch_body(prefix, from), watch_connect_timeout, chunk);
}

}  // namespace tamada::dcs
