// When the certificates of a node's files end.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/types.h"
#include "diagnosis/facts.h"

namespace tamada::diagnosis {

// When the first certificate in a PEM file ends. Waits for the disk.
core::Result<core::WallTime> end_of_certificate_file(const std::string& file);

// One entry for each file that is named: the key of the configuration, and the file. Waits for the disk, too.
std::vector<Certificate> certificates_in(const std::vector<std::pair<std::string, std::string>>& files);

Certificate certificate_of(std::string where, const core::Result<core::WallTime>& end);

}  // namespace tamada::diagnosis
