// JSON text as Python's json.dumps prints it, because other programs, and people's diffs, compare these bytes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tamada::wire {

// As json.dumps(value), for REST bodies: ", " and ": " as separators, and all characters outside ASCII escaped.
std::string dump_python(const nlohmann::ordered_json& value);
// As json.dumps(value, separators=(',', ':')), for keys in the DCS.
std::string dump_compact(const nlohmann::ordered_json& value);

// As repr() of a float: the shortest digits that give the same number when read, with ".0" or an exponent.
std::string python_float(double value);

}  // namespace tamada::wire
