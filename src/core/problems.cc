#include "core/problems.h"

#include <algorithm>

#include "core/lost_keys.h"
#include "core/presentation.h"
#include "core/silence.h"

namespace tamada::core {

namespace {

std::string failing(std::string_view what, const Retry& retry) {
  return std::string(what) + " failed " + (retry.failures == 1 ? "once" : std::to_string(retry.failures) + " times") +
         ": " + first_line(retry.error);
}

class List {
 public:
  List(const Observation& given, const Memory& remembered) : seen(given), memory(remembered) {}

  void add(std::string_view kind, std::string text) {
    if (!text.empty()) found.push_back({.kind = std::string(kind), .text = std::move(text)});
  }
  void add_all(const Problems& others) { found.insert(found.end(), others.begin(), others.end()); }

  const Observation& seen;
  const Memory& memory;
  Problems found;
};

void jobs(List& to) {
  if (to.seen.postgres.shut_down()) to.add("job", shutdown_waits_for(to.seen.postgres));
  for (const auto& [kind, retry] : to.memory.jobs.backoff) {
    if (retry.failures > 0 && kind != JobKind::rewind) to.add("job", failing(name(kind), retry));
  }
  for (const auto& [what, retry] : to.seen.retries) {
    if (retry.failures > 0) to.add("job", failing(what, retry));
  }
}

void fences(List& to) {
  to.add("guard", to.seen.fence.unguarded);
  if (!to.seen.fence.usable) to.add("watchdog", to.seen.fence.trouble);
}

void dcs(List& to) {
  const auto& dcs = to.seen.dcs;
  if (!dcs.ok && dcs.failing_since != Instant{}) to.add("dcs", "etcd does not answer: " + first_line(dcs.error));
}

void rewind(List& to) {
  if (to.seen.postgres.data_directory == DataDirectory::half_rewound) {
    return to.add("rewind", half_rewound(to.seen.postgres));
  }
  const auto retry = to.memory.jobs.backoff.find(JobKind::rewind);
  if (retry != to.memory.jobs.backoff.end() && retry->second.failures > 0) {
    return to.add("rewind", failing("pg_rewind", retry->second));
  }
  if (!to.memory.rewind.failed) return;
  to.add("rewind", to.memory.rewind.error.empty() ? "pg_rewind did not help"
                                                  : "pg_rewind failed: " + first_line(to.memory.rewind.error));
}

void slots(List& to) {
  if (!to.seen.postgres.sql) return;
  for (const auto& slot : to.seen.postgres.sql->slots) {
    if (slot.lost) to.add("slots", "the WAL that slot " + slot.name + " should keep is gone");
  }
}

}  // namespace

Problems problems(const Observation& seen, const Memory& memory) {
  List list(seen, memory);
  jobs(list);
  fences(list);
  dcs(list);
  list.add("keys", lost_keys_obstacle(seen, memory).value_or(""));
  rewind(list);
  slots(list);
  list.add("connections", connection_problem(seen));
  list.add_all(seen.postgres.problems);
  list.add_all(seen.noticed);
  return std::move(list.found);
}

std::string in_one_line(const Problems& problems) {
  std::string text;
  for (const auto& problem : problems) text += (text.empty() ? "" : "; ") + problem.text;
  return text;
}

}  // namespace tamada::core
