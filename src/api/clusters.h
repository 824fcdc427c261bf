// The clusters of one namespace in etcd or of all, each in one line, the worst first: GET /tamada/clusters.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_view.h"
#include "net/asio.h"
#include "wire/keys.h"

namespace tamada::api {

// A part of a namespace's keys, in their order, without the namespace.
struct KeysPage {
  std::vector<std::pair<std::string, wire::RawKey>> keys;
  bool more = false;  // there are keys after these
};
// Reads the next keys of the namespace `in` after the key `after`; from the first one if it is empty.
using ReadKeys = std::function<awaitable<core::Result<KeysPage>>(std::string in, std::string after)>;

// One cluster, as its keys tell.
struct ClusterLine {
  std::string namespace_;  // empty: the only one that was asked for
  std::string scope;
  std::string leader;   // empty: nobody holds the leader key
  std::string api_url;  // of the leader, or of another member if there is no leader
  std::size_t members = 0, running = 0;
  std::size_t missing = 0;                 // recent members without a key
  std::optional<core::Lsn> lag;            // of the standby that is furthest behind; nullopt when it is not known
  std::vector<std::string_view> concerns;  // the worst first; see docs/rest.md
};

// Takes the keys of each namespace in their order, and keeps one cluster's keys at a time.
class ClusterLines {
 public:
  static constexpr std::size_t lines_max = 1000;

  void begin(std::string name_space);
  void take(std::string_view key, const wire::RawKey& value);
  // All clusters; the worst first, and those that are equally bad by name.
  std::vector<ClusterLine> finish() &&;
  bool full() const { return lines_.size() >= lines_max; }

 private:
  void end_cluster();

  std::string namespace_, scope_;
  core::ClusterView view_;
  std::vector<ClusterLine> lines_;
};

nlohmann::ordered_json cluster_line_json(const ClusterLine& line);

}  // namespace tamada::api
