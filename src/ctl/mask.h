// Secrets out of what leaves the house. Pure.
#pragma once

#include <string>
#include <vector>

#include "ctl/output.h"

namespace tamada::ctl {

// Values of keys that hold secrets by their names, and secrets within texts, are "***".
Json masked(const Json& value);

// The values themselves, to be looked for elsewhere.
std::vector<std::string> secrets_of(const Json& value);

// password=..., PGPASSWORD=..., scheme://user:secret@host, Authorization: ...
std::string masked_text(const std::string& text);

}  // namespace tamada::ctl
