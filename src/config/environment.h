// The variables of Patroni's page "Environment Configuration Settings", as a part of a configuration file.
#pragma once

#include <map>
#include <string>

#include "config/validate.h"

namespace tamada::config {

// What stands in the environment; the origins are the variables' names. Variables PATRONI_* that no key has are warned
// of. An empty variable counts as absent, as in Patroni.
Document environment_document(const std::map<std::string, std::string>& environment, Problems& problems);

// Lays `over` on `document`, values and origins.
void lay_over(Document& document, const Document& over);

}  // namespace tamada::config
