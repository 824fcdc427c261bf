// Makes OpenSSL contexts from the configuration.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "core/types.h"
#include "net/stream.h"

namespace tamada::net {

using TlsContext = std::shared_ptr<asio::ssl::context>;

// The contents of certificate files. Certificates are renewed on disk while they are in use, and may be half written at
// any moment. So contents that have been read stay in use until the files have changed and all of them can be used.
struct TlsFiles {
  std::string stamp;  // the stamp of the files that were read last, whether they could be used or not
  TlsContext context;
  std::string trouble;  // why the present files cannot be used; empty when they are in use
};

// The error names the file that could not be used, and why.
core::Result<TlsContext> client_context(const TlsClient& options);
core::Result<TlsContext> server_context(const TlsServer& options);

// The context of the present files or, if these cannot be used, of their earlier contents. An error when they could
// never be used.
core::Result<TlsContext> current_context(const TlsClient& options);
core::Result<TlsContext> current_context(const TlsServer& options, TlsFiles& files);

}  // namespace tamada::net
