// Requests about this node's own server: reload, reinitialize.
#include <nlohmann/json.hpp>

#include "api/body.h"
#include "api/errors.h"
#include "api/routes.h"
#include "api/status.h"

namespace tamada::api {

using net::HttpResponse;

awaitable<HttpResponse> RestApi::post_reload(Call) {
  commands_.reload();
  co_return text(202, "reload scheduled");
}

awaitable<HttpResponse> RestApi::post_reinitialize(Call call) {
  const auto body = json_body(call.request, Body::optional);
  if (!body) co_return body.error();
  const auto snapshot = board_.latest();
  const auto& seen = snapshot->seen;
  if (seen.cluster.unlocked()) co_return text(503, "Cluster has no leader, can not reinitialize");
  if (seen.cluster.leader->name == options_.name) co_return text(503, "I am the leader, can not reinitialize");
  const bool force = is_true(*body, "force");
  if (!force) {
    if (seen.requests.reinitialize) co_return text(503, "reinitialize already in progress");
    if (seen.job.running()) co_return text(503, job_text(seen.job.kind) + " already in progress");
  }
  commands_.reinitialize(force, is_true(*body, "from_leader"));
  co_return text(200, "reinitialize started");
}

// Failsafe mode is not there yet; what Patroni says where it is not enabled.
awaitable<HttpResponse> RestApi::post_failsafe(Call) { co_return error_page(502); }

}  // namespace tamada::api
