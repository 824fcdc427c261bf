// Which namespaces of clusters there are in etcd, by the names of its keys: NAMESPACE/SCOPE/config and the like.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::api {

// A part of the names of all keys that begin with a slash, in their order.
struct NamesPage {
  std::vector<std::string> names;
  bool more = false;  // there are names after these
};
// Reads the next names after the name `after`; from the first one if it is empty.
using ListNames = std::function<awaitable<core::Result<NamesPage>>(std::string after)>;

// Takes the names in their order. What lies in a namespace that is known already, or in a directory that seems to
// belong to another program, need not be read.
class NamespaceFinder {
 public:
  static constexpr std::size_t found_max = 50;
  static constexpr std::size_t names_without_cluster = 1000;  // in one directory below /, which is then left out

  explicit NamespaceFinder(std::string own) : known_{std::move(own)} {}

  // Returns the name after which to read on, if it is not this one.
  std::optional<std::string> take(std::string_view name);
  // Takes the name of a key in a known namespace, whose names come in their order, too. Another namespace may lie
  // within it.
  void look_within(std::string_view name);
  // The own one is the first.
  const std::vector<std::string>& known() const { return known_; }
  bool full() const { return known_.size() > found_max; }

 private:
  std::optional<std::string> skip(std::string_view directory);
  std::string_view namespace_by(std::string_view name);

  std::vector<std::string> known_;       // each begins and ends with a slash
  std::string top_;                      // the directory below / of the last name
  std::size_t in_vain_ = 0;              // names in it since the last namespace
  std::vector<std::string> configured_;  // NAMESPACE/SCOPE/ of the keys `config` so far, each within the one before
};

}  // namespace tamada::api
