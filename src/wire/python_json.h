// JSON text as Python's json.dumps prints it: other programs, and people's diffs, compare these bytes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tamada::wire {

// json.dumps(value): ", " and ": " between, everything outside ASCII escaped. For REST bodies.
std::string dump_python(const nlohmann::ordered_json& value);
// json.dumps(value, separators=(',', ':')). For keys in the DCS.
std::string dump_compact(const nlohmann::ordered_json& value);

// repr() of a float: the shortest digits that read back, with ".0" or an exponent.
std::string python_float(double value);

}  // namespace tamada::wire
