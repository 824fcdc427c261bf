#include "diagnosis/facts.h"

#include <algorithm>

#include "wire/json.h"
#include "wire/keys.h"

namespace tamada::diagnosis {
namespace {

std::optional<Json> object_of(const core::Result<net::HttpResponse>& answer) {
  return answer ? wire::parse_object(answer->body) : std::nullopt;
}

double seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

// The time in the header Date, which has whole seconds.
std::optional<core::WallTime> date_of(const net::HttpResponse& response) {
  const auto* date = response.header("Date");
  const auto time = date == nullptr ? std::nullopt : net::parse_http_date(*date);
  return time ? std::optional(*time + std::chrono::milliseconds(500)) : std::nullopt;
}

// Compares the member's time with our own time in the middle of the exchange.
void compare_clocks(const net::HttpResponse& answer, core::WallTime sent, core::Duration took, MemberFacts& facts) {
  const auto middle = sent + std::chrono::duration_cast<std::chrono::microseconds>(took) / 2;
  const auto told = facts.explain ? wire::parse_iso(wire::text_at(*facts.explain, "time")) : std::nullopt;
  const auto time = told ? std::optional(told->time) : date_of(answer);
  if (!time) return;
  facts.clock_s = seconds(*time - middle);
  facts.clock_error_s = seconds(took) / 2 + (told ? 0 : 0.5);
}

}  // namespace

MemberFacts member_facts(core::Member member, const core::Result<net::HttpResponse>& patroni,
                         const core::Result<net::HttpResponse>& explain, core::WallTime sent, core::Duration took) {
  MemberFacts facts{.member = std::move(member),
                    .patroni = object_of(patroni),
                    .explain = object_of(explain),
                    .error = patroni ? "" : patroni.error().what,
                    .clock_s = {}};
  // Without gates it is Patroni's answer to an unknown path.
  if (facts.explain && !facts.explain->contains("gates")) facts.explain.reset();
  if (explain) compare_clocks(*explain, sent, took, facts);
  return facts;
}

EtcdFacts etcd_facts(std::string endpoint, const core::Result<net::HttpResponse>& answer, core::Duration took) {
  EtcdFacts facts;
  facts.endpoint = std::move(endpoint);
  facts.ms = std::chrono::duration<double, std::milli>(took).count();
  if (!answer) {
    facts.error = answer.error().what;
    return facts;
  }
  const auto status = wire::parse_object(answer->body);
  if (!status || answer->status != 200) {
    facts.version = "status refused";  // etcd requires authentication for this, but it answers, which is enough here
    return facts;
  }
  facts.version = wire::text_at(*status, "version");
  facts.db_bytes = std::max<std::int64_t>(wire::integer_at(*status, "dbSize").value_or(0), 0);
  facts.index = wire::integer_at(*status, "raftAppliedIndex").value_or(0);
  if (const Json* errors = wire::find(*status, "errors"); errors && errors->is_array()) {
    for (const auto& one : *errors) {
      if (one.is_string()) facts.complaints.push_back(one.get<std::string>());
    }
  }
  return facts;
}

std::vector<SlotFacts> slots_by_key(const core::ClusterView& view) {
  std::vector<SlotFacts> slots;
  if (!view.status) return slots;
  const auto end = view.status->optime.value_or(0);
  for (const auto& [name, lsn] : view.status->slots) {
    slots.push_back({.name = name, .wal_status = "", .bytes = end > lsn ? end - lsn : 0, .active = {}});
  }
  return slots;
}

int newest_server_version(const std::vector<MemberFacts>& members) {
  std::int64_t version = 0;
  for (const auto& member : members) {
    if (member.patroni) version = std::max(version, wire::integer_at(*member.patroni, "server_version").value_or(0));
  }
  return static_cast<int>(version);
}

}  // namespace tamada::diagnosis
