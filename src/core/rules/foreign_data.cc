// A data directory that does not belong to this cluster is refused and never touched.
#include "core/rules/common.h"

namespace tamada::core::rules {

Answer foreign_data(const Observation& seen, const Memory& memory) {
  if (seen.job.running()) return std::nullopt;
  if (seen.postgres.data_directory == DataDirectory::unusable) {
    auto decision =
        warn(memory, "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize");
    decision.severity = Severity::error;
    return decision;
  }
  const bool unread = seen.postgres.data_directory == DataDirectory::valid && !seen.postgres.control;
  if (unread && seen.postgres.process == ProcessState::stopped) {
    auto decision = warn(memory, "pg_controldata gave no answer, it is asked again");
    decision.wake_at = seen.now + 1s;
    return decision;
  }
  if (seen.postgres.data_directory != DataDirectory::valid || !seen.cluster.initialize ||
      seen.cluster.initialize->empty() || seen.postgres.system_identifier.empty() ||
      *seen.cluster.initialize == seen.postgres.system_identifier) {
    return std::nullopt;
  }
  auto decision =
      warn(memory,
           "system ID mismatch, node " + seen.self + " belongs to a different cluster: " + *seen.cluster.initialize +
               " != " + seen.postgres.system_identifier +
               "; move its data directory away, or use another scope; nothing was changed",
           {Exit{1}});
  decision.severity = Severity::error;
  return decision;
}

}  // namespace tamada::core::rules
