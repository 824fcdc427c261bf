// GET /tamada/clusters: all clusters of the namespace, by their keys in etcd alone.
#include <nlohmann/json.hpp>

#include "api/clusters.h"
#include "api/errors.h"
#include "api/routes.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;
using net::HttpResponse;

namespace {

constexpr std::size_t pages_max = 200;
constexpr auto all_pages_within = std::chrono::seconds(10);

}  // namespace

awaitable<HttpResponse> RestApi::ask_clusters() {
  const auto read = options_.read_keys;  // kept here, as the options may change meanwhile
  if (!read) co_return error_page(503);
  const auto until = clock_.now() + all_pages_within;
  ClusterLines lines;
  std::string last;
  bool more = true;
  for (std::size_t i = 0; more && i < pages_max && !lines.full() && clock_.now() < until; ++i) {
    auto page = co_await read(last);
    if (!page) co_return text(503, page.error().what, "text/plain");
    for (const auto& [key, value] : page->keys) lines.take(key, value);
    more = page->more && !page->keys.empty();
    if (more) last = std::move(page->keys.back().first);
  }
  Json out = {{"member", options_.name}, {"scope", options_.scope}, {"time", wire::format_iso(clock_.wall())}};
  out["complete"] = !more;
  auto& clusters = out["clusters"] = Json::array();
  for (const auto& line : std::move(lines).finish()) clusters.push_back(cluster_line_json(line));
  co_return json(200, out);
}

}  // namespace tamada::api
