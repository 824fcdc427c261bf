// A problem of this member that lasts until somebody solves it. REST, metrics, `list` and the log show all problems
// from this form.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::core {

// A new kind needs one line here, one in problem_kinds and, if core detects the problem itself, one in problems.cc.
// Other parts of the daemon report theirs in Observation::noticed or PostgresView::problems. The advice for the
// operator is in ctl/diagnosis.cc.
enum class ProblemKind {
  configuration,  // a part of the configuration has no effect, or not the intended one
  certificate,    // a certificate on disk cannot be used, and the previous one stays in use
  security,       // anybody who reaches this host may do more than they should
  guard,          // no guard would end this primary if its daemon froze
  watchdog,       // a watchdog is required and cannot be used
  dcs,            // the DCS does not answer
  clock,          // this host's clock differs from etcd's
  keys,           // all keys of the cluster are gone, and no member may be promoted because of that
  connections,    // the server does not answer new connections, or refuses ours
  disk,           // writes to the disk fail or take long
  access,         // pg_hba.conf or another file of the server does not parse
  archive,        // archive_command fails
  slots,          // a slot keeps much WAL, or lost WAL that it should have kept
  rewind,         // pg_rewind failed
  job,            // an operation fails and is tried again, or does not end
};

// Which lines of the daemon's log show the problem.
enum class ProblemLog {
  changes,     // one line when it begins, and one when it ends
  heartbeats,  // one line at each heartbeat, because its text tells how often something failed
  decisions,   // no line of its own, because the rule that decides reports it
};

struct ProblemTraits {
  ProblemKind kind;
  std::string_view name;  // label of the metric tamada_problem, and "kind" in the REST API
  ProblemLog log = ProblemLog::changes;
  bool in_member_key = true;  // then the line below the table of `list` shows it, too
};

inline constexpr std::array problem_kinds{
    ProblemTraits{ProblemKind::configuration, "configuration"},
    ProblemTraits{ProblemKind::certificate, "certificate"},
    // Not in the member key, because it would be printed below every `list`.
    ProblemTraits{.kind = ProblemKind::security, .name = "security", .in_member_key = false},
    ProblemTraits{ProblemKind::guard, "guard"},
    ProblemTraits{ProblemKind::watchdog, "watchdog"},
    ProblemTraits{ProblemKind::dcs, "dcs", ProblemLog::decisions},
    ProblemTraits{ProblemKind::clock, "clock"},
    ProblemTraits{ProblemKind::keys, "keys", ProblemLog::heartbeats},
    ProblemTraits{ProblemKind::connections, "connections"},
    ProblemTraits{ProblemKind::disk, "disk"},
    ProblemTraits{ProblemKind::access, "access"},
    ProblemTraits{ProblemKind::archive, "archive"},
    ProblemTraits{ProblemKind::slots, "slots"},
    ProblemTraits{ProblemKind::rewind, "rewind", ProblemLog::heartbeats},
    ProblemTraits{ProblemKind::job, "job", ProblemLog::heartbeats},
};

constexpr const ProblemTraits& traits(ProblemKind kind) { return problem_kinds[static_cast<std::size_t>(kind)]; }
constexpr std::string_view name(ProblemKind kind) { return traits(kind).name; }
// nullopt when this version does not know the kind.
std::optional<ProblemKind> problem_kind(std::string_view name);

struct Problem {
  ProblemKind kind{};
  std::string text;  // for the operator; contains no numbers that change all the time
  bool operator==(const Problem&) const = default;
};
using Problems = std::vector<Problem>;

}  // namespace tamada::core
