// The steps of a copy by pg_basebackup.
#pragma once

#include <string>
#include <vector>

#include "postgres/copy_places.h"
#include "postgres/node.h"

namespace tamada::postgres {

// Determines where the copy has to be written, and names the places in the mark of the unfinished copy.
awaitable<Result<CopyPlaces>> find_places(Node& node, core::Upstream upstream);
// The option of pg_basebackup that names the server. Writes the file with its password.
awaitable<Result<std::string>> source_of_backup(Node& node, core::Upstream upstream);
awaitable<Result<void>> run_basebackup(Node& node, std::vector<std::string> arguments);
// Moves the copy to its final place and makes it a standby.
awaitable<Result<void>> finish_copy(Node& node, CopyPlaces places);

}  // namespace tamada::postgres
