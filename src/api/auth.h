// HTTP Basic authentication of the requests that change something.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tamada::api {

// Why the header does not authenticate the client, in Patroni's words; nullopt when it does. `header` is null when none
// was sent.
std::optional<std::string> authentication_failure(const std::string* header, std::string_view username,
                                                  std::string_view password);

}  // namespace tamada::api
