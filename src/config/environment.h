// The variables of Patroni's page "Environment Configuration Settings", as a part of a configuration file.
#pragma once

#include <map>
#include <string>

#include "config/validate.h"

namespace tamada::config {

// Reads the environment; the origins are the variables' names. Unknown variables PATRONI_* give warnings. As in
// Patroni, an empty variable counts as absent.
Document environment_document(const std::map<std::string, std::string>& environment, Problems& problems);

// Lays `over` on `document`, both its values and their origins.
void lay_over(Document& document, const Document& over);

}  // namespace tamada::config
