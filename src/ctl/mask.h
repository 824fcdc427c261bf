// Removes secrets from texts that are given to other people, as pure functions.
#pragma once

#include <string>
#include <vector>

#include "ctl/output.h"

namespace tamada::ctl {

// Replaces by "***" the values of keys whose names are typical of secrets, and secrets within texts.
Json masked(const Json& value);

// The values of secrets, so that other texts can be searched for them.
std::vector<std::string> secrets_of(const Json& value);

// Masks the secrets in password=..., PGPASSWORD=..., scheme://user:secret@host, Authorization: ...
std::string masked_text(const std::string& text);

}  // namespace tamada::ctl
