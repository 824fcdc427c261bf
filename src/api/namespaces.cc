#include "api/namespaces.h"

#include <algorithm>

namespace tamada::api {

// No name of a key contains this byte, which is not a part of UTF-8, so no name in the directory is after it.
std::optional<std::string> NamespaceFinder::skip(std::string_view directory) {
  in_vain_ = 0;
  return std::string(directory) + '\xff';
}

// The namespace of the cluster to which the name is the proof, or nothing. A cluster has the keys `config` and
// `initialize` as long as it exists. Other programs have one of them at most.
std::string_view NamespaceFinder::namespace_by(std::string_view name) {
  const auto directory = name.substr(0, name.rfind('/') + 1);
  const auto key = name.substr(directory.size());
  while (!configured_.empty() && !name.starts_with(configured_.back())) configured_.pop_back();
  if (key == "config") configured_.emplace_back(directory);
  if (key != "initialize" || configured_.empty() || configured_.back() != directory) return {};
  const auto all = directory.substr(0, directory.rfind('/', directory.size() - 2) + 1);
  return all.size() > 1 ? all : std::string_view();
}

void NamespaceFinder::look_within(std::string_view name) {
  const auto all = namespace_by(name);
  if (!all.empty() && !full() && std::ranges::find(known_, all) == known_.end()) known_.emplace_back(all);
}

std::optional<std::string> NamespaceFinder::take(std::string_view name) {
  const auto of = std::ranges::find_if(known_, [&](const auto& known) { return name.starts_with(known); });
  if (of != known_.end()) return skip(*of);
  const auto top = name.substr(0, name.find('/', 1) + 1);
  if (top != top_) {
    top_ = top;
    in_vain_ = 0;
  }
  if (const auto all = namespace_by(name); !all.empty()) {
    known_.emplace_back(all);
    return skip(all);
  }
  return ++in_vain_ >= names_without_cluster && !top.empty() ? skip(top) : std::nullopt;
}

}  // namespace tamada::api
