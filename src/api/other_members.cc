#include "api/other_members.h"

#include <fmt/format.h>

#include <utility>

#include "net/http_client.h"
#include "wire/peer.h"

namespace tamada::api {

using net::HttpResponse;

TellPeer tell_by_http(std::optional<net::TlsClient> tls) {
  return [tls = std::move(tls)](std::string address, net::HttpRequest request,
                                core::Duration timeout) -> awaitable<core::Result<HttpResponse>> {
    auto url = net::Url::parse(address);
    if (!url) co_return std::unexpected(url.error());
    request.target = url->path.empty() ? "/patroni" : std::exchange(url->path, "");
    request.answer_bytes_max = wire::peer_answer_bytes_max;
    const auto certificates = url->scheme == "https" ? std::optional(tls.value_or(net::TlsClient{})) : std::nullopt;
    co_return co_await net::http_once(std::move(*url), certificates, std::move(request), timeout);
  };
}

AskPeer ask_by_http(std::optional<net::TlsClient> tls, core::Duration timeout) {
  return [tell = tell_by_http(std::move(tls)), timeout](std::string url) {
    return tell(std::move(url), {.method = "GET"}, timeout);
  };
}

std::string url_of(const core::Member& member, std::string_view path) {
  const auto url = net::Url::parse(member.api_url);
  if (!url) return {};
  return fmt::format("{}://{}{}", url->scheme, url->authority(), path);
}

}  // namespace tamada::api
