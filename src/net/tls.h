// OpenSSL contexts from the configuration's words.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "core/types.h"
#include "net/stream.h"

namespace tamada::net {

using TlsContext = std::shared_ptr<asio::ssl::context>;

// The error names the file that could not be used, and why.
core::Result<TlsContext> client_context(const TlsClient& options);
core::Result<TlsContext> server_context(const TlsServer& options);

}  // namespace tamada::net
