// Reads when certificates expire: those in files, and those that servers present.
#pragma once

#include <string>

#include "core/types.h"

namespace tamada::ctl {

// The first certificate of a PEM file.
core::Result<core::WallTime> end_of_certificate_file(const std::string& file);
// The certificate that the server presents, trusted or not. This call blocks; `timeout` limits the connection and each
// answer.
core::Result<core::WallTime> end_of_served_certificate(const std::string& host, const std::string& port,
                                                       core::Duration timeout);

}  // namespace tamada::ctl
