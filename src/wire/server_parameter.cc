#include "wire/server_parameter.h"

#include <nlohmann/json.hpp>

#include "wire/json.h"

namespace tamada::wire {

nlohmann::ordered_json server_parameters_json(const ServerParameters& parameters) {
  auto out = Json::array();
  for (const auto& one : parameters) {
    Json row = {{"name", one.name}, {"vartype", one.vartype}};
    if (!one.unit.empty()) row["unit"] = one.unit;
    if (!one.min.empty()) row["min_val"] = one.min;
    if (!one.max.empty()) row["max_val"] = one.max;
    if (!one.words.empty()) row["enumvals"] = one.words;
    out.push_back(std::move(row));
  }
  return out;
}

ServerParameters parse_server_parameters(std::string_view json) {
  ServerParameters result;
  const auto parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_array()) return result;
  for (const auto& row : parsed) {
    if (!row.is_object() || text_at(row, "name").empty()) continue;
    ServerParameter one{.name = text_at(row, "name"),
                        .vartype = text_at(row, "vartype"),
                        .unit = text_at(row, "unit"),
                        .min = text_at(row, "min_val"),
                        .max = text_at(row, "max_val"),
                        .words = {}};
    if (const Json* words = find(row, "enumvals"); words && words->is_array()) {
      for (const auto& word : *words) {
        if (word.is_string()) one.words.push_back(word.get<std::string>());
      }
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace tamada::wire
