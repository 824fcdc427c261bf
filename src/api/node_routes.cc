// Requests about this node's own server: reload, reinitialize.
#include <nlohmann/json.hpp>

#include "api/body.h"
#include "api/errors.h"
#include "api/routes.h"
#include "api/status.h"
#include "core/upstream.h"
#include "wire/peer.h"

namespace tamada::api {

using net::HttpResponse;

namespace {
// The client waits for the answer, so the daemon does not measure a large directory to its end.
constexpr auto replaced_data_timeout = std::chrono::seconds(3);
}  // namespace

awaitable<HttpResponse> RestApi::post_reload(Call) {
  commands_.reload();
  co_return text(202, "reload scheduled");
}

awaitable<HttpResponse> RestApi::post_reinitialize(Call call) {
  const auto body = json_body(call.request, Body::optional);
  if (!body) co_return body.error();
  const auto snapshot = co_await read_keys();
  if (!snapshot) co_return snapshot.error();
  const auto& seen = (*snapshot)->seen;
  if (seen.cluster.unlocked()) co_return text(503, "Cluster has no leader, can not reinitialize");
  if (seen.cluster.leader->name == options_.name && !core::may_copy_remote_server(seen))
    co_return text(503, "I am the leader, can not reinitialize");
  const bool force = is_true(*body, "force");
  if (!force) {
    if (seen.requests.reinitialize) co_return text(503, "reinitialize already in progress");
    if (seen.job.running()) co_return text(503, job_text(seen.job.kind) + " already in progress");
  }
  const auto replaced = co_await commands_.replaced_data(replaced_data_timeout);
  if (!force && !replaced.obstacle.empty()) {
    co_return text(503,
                   "can not reinitialize: " + replaced.obstacle +
                       (replaced.kept ? "; with postgresql.keep_replaced_data: false they are removed before the copy "
                                        "begins, and force goes on all the same"
                                      : ""));
  }
  commands_.reinitialize(force, is_true(*body, "from_leader"));
  if (replaced.kept) co_return text(200, "reinitialize started");
  co_return text(200,
                 "reinitialize started; the data that it replaces are removed before the copy begins "
                 "(postgresql.keep_replaced_data is off)");
}

awaitable<HttpResponse> RestApi::post_failsafe(Call call) {
  const auto snapshot = board_.latest();
  if (!snapshot->seen.settings.failsafe_mode) co_return error_page(502);
  const auto body = json_body(call.request, Body::required);
  if (!body) co_return body.error();
  const auto status = status_of(*snapshot, clock_.now());
  if (status.running() && status.role == "primary") co_return text(500, "Running as a leader");
  auto leader = wire::parse_failsafe_leader(call.request.body);
  if (!leader) co_return error_page(400);
  if (auto refusal = commands_.failsafe_leader(std::move(*leader))) co_return text(500, std::move(*refusal));
  auto answer = text(200, "Accepted");
  answer.headers.emplace_back("lsn", std::to_string(std::max(status.received(), status.replayed())));
  co_return answer;
}

}  // namespace tamada::api
