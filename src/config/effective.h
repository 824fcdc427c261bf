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

// Text of /config -> object. An error when it is no JSON object.
core::Result<Json> parse_dynamic(const std::string& text);

// `local` with the keys that its section postgresql lacks and the dynamic one has, as in Patroni: callbacks, methods,
// timeouts. Excluded are keys that server_configuration and settings merge themselves, and those that only the node can
// know, such as addresses and folders.
Local with_dynamic(const Local& local, const Json& dynamic, std::vector<std::string>* warnings);

// What decisions depend on: defaults, minima and the ttl rule applied (loop_wait + 2*retry_timeout <= ttl, loop_wait
// adjusted first, as Patroni does). `warnings` gets a line per adjustment.
core::Settings settings(const Local& local, const Json& dynamic, std::vector<std::string>* warnings);

}  // namespace tamada::config
