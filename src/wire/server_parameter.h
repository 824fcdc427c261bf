// The values that a parameter may have, as the pg_settings of a running server tells them. This includes the parameters
// of extensions, of a fork, and of a build with other limits.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::wire {

struct ServerParameter {
  std::string name;
  std::string vartype;  // bool, integer, real, enum, string
  std::string unit;     // the unit of a number that is written without one; empty when it has none
  std::string min, max;
  std::vector<std::string> words;  // for an enum
  bool operator==(const ServerParameter&) const = default;
};
using ServerParameters = std::vector<ServerParameter>;  // empty: no server has told them yet

// The body of GET /tamada/parameters, and its reader, which leaves out entries that it cannot read.
nlohmann::ordered_json server_parameters_json(const ServerParameters& parameters);
ServerParameters parse_server_parameters(std::string_view json);

}  // namespace tamada::wire
