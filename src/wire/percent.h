// Decodes the percent-encoding of URLs.
#pragma once

#include <string>
#include <string_view>

namespace tamada::wire {

// An invalid sequence is left unchanged. In the query of a URL a plus means a blank.
std::string percent_decoded(std::string_view text, bool plus_is_blank = false);

}  // namespace tamada::wire
