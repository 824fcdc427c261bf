#include "config/schema.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "config/yaml.h"

namespace tamada::config {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

void add_variables(const Key& section, const std::string& path, std::vector<Variable>& result) {
  for (const auto& key : section.keys) {
    const auto where = join_path(path, key.name);
    if (key.type == Type::section) add_variables(key, where, result);
    if (!key.variable) continue;
    const std::string prefix = section.prefix.empty() ? "" : std::string(section.prefix) + "_";
    result.push_back({"PATRONI_" + prefix + upper(key.name), where, &key});
  }
}

}  // namespace

const Key* find(const Key& section, std::string_view name) {
  const auto found = std::ranges::find(section.keys, name, &Key::name);
  return found == section.keys.end() ? nullptr : &*found;
}

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>((name.size() + 1) / 3, 1) + 1;
  for (const auto& candidate : known) {
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::vector<Variable> variables() {
  std::vector<Variable> result;
  add_variables(local_schema, "", result);
  return result;
}

}  // namespace tamada::config
