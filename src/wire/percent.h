// Percent-encoding of URLs.
#pragma once

#include <string>
#include <string_view>

namespace tamada::wire {

// A broken sequence stays as it is. In the query of a URL a plus is a blank.
std::string percent_decoded(std::string_view text, bool plus_is_blank = false);

}  // namespace tamada::wire
