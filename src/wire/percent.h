// Percent-encoding of URLs.
#pragma once

#include <string>
#include <string_view>

namespace tamada::wire {

// An invalid sequence stays as it is. In the query of a URL a plus stands for a blank.
std::string percent_decoded(std::string_view text, bool plus_is_blank = false);

}  // namespace tamada::wire
