// The metrics tamada_*, which Patroni does not have.
#include <algorithm>

#include "api/metrics.h"
#include "core/problems.h"
#include "wire/keys.h"

namespace tamada::api {
namespace {

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

void add_histogram(MetricsPage& page, std::string_view name, const std::string& labels, const Histogram& histogram) {
  const auto bucket = std::string(name) + "_bucket";
  for (std::size_t i = 0; i < Histogram::bounds_s.size(); ++i) {
    page.value(bucket, fmt::format(R"({},le="{}")", labels, Histogram::bounds_s[i]), histogram.at_most(i));
  }
  page.value(bucket, labels + R"(,le="+Inf")", histogram.count());
  page.value(std::string(name) + "_sum", labels, histogram.sum_s());
  page.value(std::string(name) + "_count", labels, histogram.count());
}

void add_telemetry(MetricsPage& page, const Telemetry& telemetry) {
  page.begin("histogram", "tamada_loop_lag_seconds", "How much later than due the event loop runs what is due.");
  add_histogram(page, "tamada_loop_lag_seconds", "", telemetry.loop_lag);
  page.begin("histogram", "tamada_dcs_request_duration_seconds", "Requests to the DCS, answered or not.");
  for (const auto& [operation, histogram] : telemetry.dcs_requests) {
    add_histogram(page, "tamada_dcs_request_duration_seconds", fmt::format(R"(,operation="{}")", operation), histogram);
  }
  page.begin("counter", "tamada_dcs_request_errors_total", "Requests to the DCS that failed.");
  for (const auto& [operation, histogram] : telemetry.dcs_requests) {
    const auto errors = telemetry.dcs_errors.find(operation);
    page.value("tamada_dcs_request_errors_total", fmt::format(R"(,operation="{}")", operation),
               errors == telemetry.dcs_errors.end() ? 0 : errors->second);
  }
}

void add_notifications(MetricsPage& page, const Telemetry& telemetry) {
  if (telemetry.notifications.empty()) return;
  page.begin("counter", "tamada_notifications_total",
             "Notifications that were delivered, attempts that failed, and notifications that were dropped.");
  for (const auto& [by, counts] : telemetry.notifications) {
    for (const auto& [outcome, count] : {std::pair{"delivered", counts.delivered}, std::pair{"failed", counts.failed},
                                         std::pair{"dropped", counts.dropped}}) {
      page.value("tamada_notifications_total", fmt::format(R"(,by="{}",outcome="{}")", by, outcome), count);
    }
  }
  page.begin("gauge", "tamada_notifications_waiting", "Notifications that wait to be delivered.");
  for (const auto& [by, counts] : telemetry.notifications) {
    page.value("tamada_notifications_waiting", fmt::format(R"(,by="{}")", by), counts.waiting);
  }
}

void add_journal(MetricsPage& page, const Journal& journal) {
  page.begin("counter", "tamada_decisions_total", "Decisions by the rule that made them.");
  for (const auto& [rule, count] : journal.decisions_by_rule()) {
    page.value("tamada_decisions_total", fmt::format(R"(,rule="{}")", rule), count);
  }
  page.begin("counter", "tamada_handovers_total", "Changes of the leader that this node has seen.");
  for (const auto& [what, count] : journal.handovers_by_outcome()) {
    page.value("tamada_handovers_total", fmt::format(R"(,kind="{}",outcome="{}")", what.first, what.second), count);
  }
  const auto& last = journal.last_done();
  if (!last) return;
  page.add("gauge", "tamada_last_failover_outage_seconds",
           "Time without a primary in the last change of the leader, as far as this node can tell.",
           seconds(last->outage()));
  page.add("gauge", "tamada_last_failover_timestamp_seconds", "When the last change of the leader began.",
           static_cast<double>(last->began_wall.time_since_epoch().count()) / 1e6);
}

}  // namespace

void add_own_metrics(MetricsPage& page, const Snapshot& snapshot, core::Instant now, const Journal& journal,
                     const Telemetry& telemetry) {
  const auto& lease = snapshot.seen.lease;
  const auto margin =
      lease.id && lease.deadline ? std::max(*lease.deadline - now, core::Duration::zero()) : core::Duration::zero();
  page.add("gauge", "tamada_lease_margin_seconds", "Time until this node's lease ends unless it is renewed.",
           seconds(margin));
  const auto& job = snapshot.seen.job;
  page.add("gauge", "tamada_job_running", "Value is 1 while a long operation runs on PostgreSQL, 0 otherwise.",
           job.running() ? 1 : 0);
  const bool copying = job.running() && job.kind == core::JobKind::basebackup;
  page.add("gauge", "tamada_copy_done_bytes", "Bytes of the cluster that are copied already, 0 if none is.",
           copying ? job.bytes_done : 0);
  page.add("gauge", "tamada_copy_size_bytes", "Bytes of the cluster that is being copied, 0 if unknown or none is.",
           copying ? job.bytes_total : 0);
  const auto& problems = snapshot.decision.problems;
  page.begin("gauge", "tamada_problem", "Standing problems of this member by kind, 0 if there is none.");
  for (const auto& one : core::problem_kinds) {
    page.value("tamada_problem", fmt::format(R"(,kind="{}")", one.name),
               std::ranges::count(problems, one.kind, &core::Problem::kind));
  }
  if (const auto took = snapshot.seen.postgres.disk_write) {
    page.add("gauge", "tamada_disk_write_seconds",
             "How long the last small write beside the data took, with its fsync.", seconds(*took));
  }
  add_journal(page, journal);
  add_telemetry(page, telemetry);
  add_notifications(page, telemetry);
}

}  // namespace tamada::api
