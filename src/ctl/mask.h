// Removes secrets from texts that are given to others. Pure.
#pragma once

#include <string>
#include <vector>

#include "ctl/output.h"

namespace tamada::ctl {

// Replaces the values of keys that are named like secrets, and secrets within texts, by "***".
Json masked(const Json& value);

// The secret values, to be searched for in other texts.
std::vector<std::string> secrets_of(const Json& value);

// password=..., PGPASSWORD=..., scheme://user:secret@host, Authorization: ...
std::string masked_text(const std::string& text);

}  // namespace tamada::ctl
