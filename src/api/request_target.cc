#include "api/request_target.h"

#include <algorithm>

#include "wire/percent.h"

namespace tamada::api {

std::string_view Target::segment() const {
  std::string_view rest = path;
  const auto first = rest.find_first_not_of('/');
  if (first == std::string_view::npos) return {};
  rest.remove_prefix(first);
  return rest.substr(0, rest.find('/'));
}

Target split_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  const auto mark = target.find('?');
  Target out{std::string(target.substr(0, mark)), {}};
  if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
  return out;
}

Query parse_query(std::string_view query) {
  Query out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && equals + 1 < pair.size())
      out.emplace_back(wire::percent_decoded(pair.substr(0, equals), true),
                       wire::percent_decoded(pair.substr(equals + 1), true));
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
  }
  return out;
}

const std::string* find(const Query& query, std::string_view name) {
  const auto it = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  return it == query.end() ? nullptr : &it->second;
}

}  // namespace tamada::api
