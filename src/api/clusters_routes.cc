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
  ClustersReading(const RestApiOptions& options, net::Clock& clock)
      : read_keys_(options.read_keys),
        list_names_(options.list_names),
        clock_(clock),
        until_(clock.now() + all_within) {}

  // `shown_as` is empty if the answer has one namespace only.
  awaitable<core::Result<void>> read_namespace(std::string name, std::string shown_as) {
    lines_.begin(std::move(shown_as));
    std::string last;
    for (bool more = true; more;) {
      if (lines_.full() || !may_read()) {
        complete_ = false;
        break;
      }
      auto page = co_await read_keys_(name, last);
      if (!page) co_return std::unexpected(page.error());
      for (const auto& [key, value] : page->keys) lines_.take(key, value);
      more = page->more && !page->keys.empty();
      if (more) last = std::move(page->keys.back().first);
    }
    co_return core::Result<void>{};
  }

  awaitable<core::Result<std::vector<std::string>>> find_other_namespaces(std::string own) {
    NamespaceFinder finder(std::move(own));
    std::string after;
    for (bool more = static_cast<bool>(list_names_); more;) {
      if (finder.full() || !may_read()) {
        complete_ = false;
        break;
      }
      const auto page = co_await list_names_(after);
      if (!page) co_return std::unexpected(page.error());
      more = page->more && !page->names.empty();
      if (more) after = page->names.back();
      for (const auto& name : page->names) {
        if (auto next = finder.take(name)) {
          after = std::move(*next);
          more = true;
          break;
        }
      }
    }
    co_return finder.found();
  }

  bool complete() const { return complete_; }
  std::vector<ClusterLine> finish() && { return std::move(lines_).finish(); }

 private:
  bool may_read() { return reads_++ < reads_max && clock_.now() < until_; }

  ReadKeys read_keys_;
  ListNames list_names_;
  net::Clock& clock_;
  core::Instant until_;
  std::size_t reads_ = 0;
  bool complete_ = true;
  ClusterLines lines_;
};

// etcd may allow this node the keys of its own namespace only, so a failure beyond is told beside these.
awaitable<std::string> read_others(ClustersReading& reading, std::string own) {
  const auto others = co_await reading.find_other_namespaces(std::move(own));
  if (!others) co_return others.error().what;
  for (const auto& name : *others) {
    if (const auto done = co_await reading.read_namespace(name, name); !done) co_return done.error().what;
  }
  co_return "";
}

}  // namespace

awaitable<HttpResponse> RestApi::ask_clusters() { co_return co_await ask_clusters_of(false); }

awaitable<HttpResponse> RestApi::ask_all_clusters() { co_return co_await ask_clusters_of(true); }

awaitable<HttpResponse> RestApi::ask_clusters_of(bool all_namespaces) {
  if (!options_.read_keys) co_return error_page(503);
  const auto own = options_.namespace_;
  ClustersReading reading(options_, clock_);
  const auto done = co_await reading.read_namespace(own, all_namespaces ? own : "");
  if (!done) co_return text(503, done.error().what, "text/plain");
  std::string failed;
  if (all_namespaces) failed = co_await read_others(reading, own);
  Json out = {{"member", options_.name}, {"scope", options_.scope}, {"time", wire::format_iso(clock_.wall())}};
  if (all_namespaces) out["namespace"] = own;
  out["complete"] = reading.complete();
  if (!failed.empty()) out["other_namespaces"] = failed;
  auto& clusters = out["clusters"] = Json::array();
  for (const auto& line : std::move(reading).finish()) clusters.push_back(cluster_line_json(line));
  co_return json(200, out);
}

}  // namespace tamada::api
