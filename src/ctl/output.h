// One table of values in the formats that patronictl offers.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace tamada::ctl {

using Json = nlohmann::ordered_json;

enum class Format { pretty, tsv, json, yaml, topology };

struct Table {
  std::string title;  // for people; empty: none
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;  // texts, numbers; tags as an object
  std::set<std::string> right = {};     // columns aligned right
  bool of_cluster = false;              // the first column names the cluster: people read it in the title
};

// With a title, empty values are left out of json and yaml. `delimiter`: between the columns of tsv.
std::string format_table(const Table& table, Format format, const std::string& delimiter = "\t");

// str() of a value: texts bare.
std::string text_of(const Json& value);

}  // namespace tamada::ctl
