// The end of validity of certificates in files, and of those that servers show.
#pragma once

#include <string>

#include "core/types.h"

namespace tamada::ctl {

// The first certificate of a PEM file.
core::Result<core::WallTime> end_of_certificate_file(const std::string& file);
// The certificate that the server shows, trusted or not. Blocks; `timeout` is for connecting and for each answer.
core::Result<core::WallTime> end_of_served_certificate(const std::string& host, const std::string& port,
                                                       core::Duration timeout);

}  // namespace tamada::ctl
