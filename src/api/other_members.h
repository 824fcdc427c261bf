// Requests to the REST API of another member.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/cluster_view.h"
#include "net/asio.h"
#include "net/http.h"
#include "net/stream.h"

namespace tamada::api {

// Sends GET to a URL, such as a member's api_url, and returns the answer.
using AskPeer = std::function<awaitable<core::Result<net::HttpResponse>>(std::string url)>;
AskPeer ask_by_http(std::optional<net::TlsClient> tls, core::Duration timeout);

// Sends a request to a URL, whose path takes the place of the request's target, and returns the answer. The request is
// sent at most once.
using TellPeer = std::function<awaitable<core::Result<net::HttpResponse>>(std::string url, net::HttpRequest request,
                                                                          core::Duration timeout)>;
TellPeer tell_by_http(std::optional<net::TlsClient> tls);

// The URL of another path of the REST API that the member has published; empty when it has published no usable URL.
std::string url_of(const core::Member& member, std::string_view path);

}  // namespace tamada::api
