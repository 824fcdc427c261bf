// What a parameter may be, as a running server tells it in pg_settings: those of its extensions, of a fork, of a build
// with other limits included.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::wire {

struct ServerParameter {
  std::string name;
  std::string vartype;  // bool, integer, real, enum, string
  std::string unit;     // that a number without one counts in; empty: none
  std::string min, max;
  std::vector<std::string> words;  // of an enum
  bool operator==(const ServerParameter&) const = default;
};
using ServerParameters = std::vector<ServerParameter>;  // empty: no server has told them

// The body of GET /tamada/parameters, and back; what is none of them is left out.
nlohmann::ordered_json server_parameters_json(const ServerParameters& parameters);
ServerParameters parse_server_parameters(std::string_view json);

}  // namespace tamada::wire
