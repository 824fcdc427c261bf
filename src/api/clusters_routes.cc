// GET /tamada/clusters: all clusters of the namespace, or of all namespaces, by their keys in etcd alone.
#include <nlohmann/json.hpp>

#include "api/clusters.h"
#include "api/errors.h"
#include "api/namespaces.h"
#include "api/routes.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

constexpr std::size_t reads_max = 200;
constexpr auto all_within = std::chrono::seconds(10);

// Reads etcd for one answer, within limits. The functions are kept here, as the options may change meanwhile.
class ClustersReading {
 public:
  ClustersReading(const RestApiOptions& options, net::Clock& clock, bool all_namespaces)
      : all_namespaces_(all_namespaces),
        finder_(options.namespace_),
        read_keys_(options.read_keys),
        list_names_(options.list_names),
        clock_(clock),
        until_(clock.now() + all_within) {}

  awaitable<core::Result<void>> read_own() { return read_namespace(finder_.known().front()); }

  // Reading a namespace may find others within it.
  awaitable<core::Result<void>> read_others() {
    if (auto found = co_await find_others(); !found) co_return found;
    for (std::size_t i = 1; i < finder_.known().size(); ++i) {
      if (auto done = co_await read_namespace(finder_.known()[i]); !done) co_return done;
    }
    complete_ = complete_ && !finder_.full();
    co_return core::Result<void>{};
  }

  bool complete() const { return complete_; }
  std::vector<ClusterLine> finish() && { return std::move(lines_).finish(); }

 private:
  bool may_read() { return reads_++ < reads_max && clock_.now() < until_; }

  awaitable<core::Result<void>> read_namespace(std::string name) {
    lines_.begin(all_namespaces_ ? name : "");
    std::string last;
    for (bool more = true; more;) {
      if (lines_.full() || !may_read()) {
        complete_ = false;
        break;
      }
      auto page = co_await read_keys_(name, last);
      if (!page) co_return std::unexpected(page.error());
      for (const auto& [key, value] : page->keys) {
        lines_.take(key, value);
        if (all_namespaces_) finder_.look_within(name + key);
      }
      more = page->more && !page->keys.empty();
      if (more) last = std::move(page->keys.back().first);
    }
    co_return core::Result<void>{};
  }

  awaitable<core::Result<void>> find_others() {
    std::string after;
    for (bool more = static_cast<bool>(list_names_); more;) {
      if (finder_.full() || !may_read()) {
        complete_ = false;
        break;
      }
      const auto page = co_await list_names_(after);
      if (!page) co_return std::unexpected(page.error());
      more = page->more && !page->names.empty();
      if (more) after = page->names.back();
      for (const auto& name : page->names) {
        if (auto next = finder_.take(name)) {
          after = std::move(*next);
          more = true;
          break;
        }
      }
    }
    co_return core::Result<void>{};
  }

  bool all_namespaces_;
  NamespaceFinder finder_;
  ReadKeys read_keys_;
  ListNames list_names_;
  net::Clock& clock_;
  core::Instant until_;
  std::size_t reads_ = 0;
  bool complete_ = true;
  ClusterLines lines_;
};

}  // namespace

awaitable<HttpResponse> RestApi::ask_clusters() { co_return co_await ask_clusters_of(false); }

awaitable<HttpResponse> RestApi::ask_all_clusters() { co_return co_await ask_clusters_of(true); }

awaitable<HttpResponse> RestApi::ask_clusters_of(bool all_namespaces) {
  if (!options_.read_keys) co_return error_page(503);
  const auto own = options_.namespace_;
  ClustersReading reading(options_, clock_, all_namespaces);
  const auto done = co_await reading.read_own();
  if (!done) co_return text(503, done.error().what, "text/plain");
  // etcd may allow this node the keys of its own namespace only, so a failure beyond is told beside these.
  auto others = core::Result<void>{};
  if (all_namespaces) others = co_await reading.read_others();
  Json out = {{"member", options_.name}, {"scope", options_.scope}, {"time", wire::format_iso(clock_.wall())}};
  if (all_namespaces) out["namespace"] = own;
  out["complete"] = reading.complete();
  if (!others) out["other_namespaces"] = others.error().what;
  auto& clusters = out["clusters"] = Json::array();
  for (const auto& line : std::move(reading).finish()) clusters.push_back(cluster_line_json(line));
  co_return json(200, out);
}

}  // namespace tamada::api
