// The dynamic configuration (the key /config) together with a node's own.
// Source of names, defaults and rules: Patroni's documentation of dynamic settings.
#pragma once

#include <string>
#include <vector>

#include "config/json.h"
#include "config/local.h"
#include "core/settings.h"
#include "core/types.h"

namespace tamada::config {

// Reads the text of /config as an object; an error when it is none.
core::Result<Json> parse_dynamic(const std::string& text);

// `local`, completed by those keys of the dynamic section postgresql that the local section lacks, as in Patroni:
// callbacks, methods, timeouts. Excluded are keys that server_configuration and settings merge themselves, and keys
// that only the node can know, such as addresses and folders.
Local with_dynamic(const Local& local, const Json& dynamic, std::vector<std::string>* warnings);

// The settings on which decisions depend. Defaults, minima and the rule for ttl are applied (loop_wait +
// 2*retry_timeout <= ttl; as in Patroni, loop_wait is adjusted first). `warnings` gets a line for each adjustment.
core::Settings settings(const Local& local, const Json& dynamic, std::vector<std::string>* warnings);

}  // namespace tamada::config
