// Reads when the certificates that servers present expire; see diagnosis/certificates.h for those in files.
#pragma once

#include <string>

#include "core/types.h"

namespace tamada::ctl {

// The certificate that the server presents, trusted or not. This call blocks; `timeout` limits the connection and each
// answer.
core::Result<core::WallTime> end_of_served_certificate(const std::string& host, const std::string& port,
                                                       core::Duration timeout);

}  // namespace tamada::ctl
