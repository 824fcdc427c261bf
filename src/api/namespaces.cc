#include "api/namespaces.h"

#include <algorithm>

namespace tamada::api {

// No name of a key contains this byte, which is not a part of UTF-8, so no name in the directory is after it.
std::optional<std::string> NamespaceFinder::skip(std::string_view directory) {
  in_vain_ = 0;
  return std::string(directory) + '\xff';
}

// A cluster has the keys `config` and `initialize` as long as it exists. Other programs have one of them at most.
std::optional<std::string> NamespaceFinder::take(std::string_view name) {
  const auto of = std::ranges::find_if(known_, [&](const auto& known) { return name.starts_with(known); });
  if (of != known_.end()) return skip(*of);
  const auto top = name.substr(0, name.find('/', 1) + 1);
  if (top != top_) {
    top_ = top;
    in_vain_ = 0;
  }
  const auto directory = name.substr(0, name.rfind('/') + 1);
  const auto key = name.substr(directory.size());
  if (key == "config") configured_ = directory;
  if (key == "initialize" && directory == configured_) {
    const auto all = directory.substr(0, directory.rfind('/', directory.size() - 2) + 1);
    if (all.size() > 1) {
      known_.emplace_back(all);
      return skip(all);
    }
  }
  return ++in_vain_ >= names_without_cluster && !top.empty() ? skip(top) : std::nullopt;
}

}  // namespace tamada::api
