// One table of values in the formats that patronictl offers.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tamada::ctl {

using Json = nlohmann::ordered_json;

enum class Format { pretty, tsv, json, yaml, topology };

enum class Colour { none, red, green, yellow, cyan, bold, dim };

struct Table {
  std::string title;  // for people; empty when there is none
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;  // texts, numbers; tags as an object
  std::set<std::string> right = {};     // columns aligned right
  bool of_cluster = false;              // the first column is the cluster's name, which people read in the title
  // For people on a terminal: the colours of cells by row and column, and the columns that may be left out, step by
  // step, if the terminal is too narrow.
  std::map<std::pair<std::size_t, std::size_t>, Colour> colours = {};
  std::vector<std::set<std::size_t>> narrower = {};
};

// With a title, empty values are left out of json and yaml. `delimiter` separates the columns of tsv.
std::string format_table(const Table& table, Format format, const std::string& delimiter = "\t");

// A value as Python's str() prints it, with texts not in quotation marks.
std::string text_of(const Json& value);

}  // namespace tamada::ctl
