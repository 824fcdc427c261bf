// What stands wrong on this member until somebody mends it, in a form that is shown wherever one looks at the member.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::core {

// A new kind is one line here, one in problem_kinds and, where core finds it itself, one in problems.cc; other parts of
// the daemon tell theirs in Observation::noticed or PostgresView::problems. What to do about it: ctl/health.cc.
enum class ProblemKind {
  configuration,  // some of it has no effect, or not the one that was meant
  certificate,    // one on disk cannot be used, and the one before stays in use
  security,       // what anybody may do who reaches this host
  guard,          // nothing ends this primary should its daemon freeze
  watchdog,       // it is required, and cannot be used
  dcs,            // it does not answer
  clock,          // this host's differs from etcd's
  keys,           // all of the cluster's are gone, and nobody may be promoted for it
  connections,    // the server answers no new connection, or refuses ours
  disk,           // writes fail or take long
  access,         // pg_hba.conf or another file of the server does not parse
  archive,        // archive_command fails
  slots,          // one keeps much WAL, or what it should keep is gone
  rewind,         // pg_rewind failed
  job,            // an operation fails and is tried again, or does not end
};

// Which lines of the daemon's log tell of it.
enum class ProblemLog {
  changes,     // one when it begins, one when it ends
  heartbeats,  // one at each heartbeat, since its text tells how often something failed
  decisions,   // none of its own: the rule that decides tells it
};

struct ProblemTraits {
  ProblemKind kind;
  std::string_view name;  // label of the metric tamada_problem, and "kind" in the REST API
  ProblemLog log = ProblemLog::changes;
  bool in_member_key = true;  // and so below the table of `list`
};

inline constexpr std::array problem_kinds{
    ProblemTraits{ProblemKind::configuration, "configuration"},
    ProblemTraits{ProblemKind::certificate, "certificate"},
    ProblemTraits{.kind = ProblemKind::security, .name = "security", .in_member_key = false},  // no news for every list
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
// nullopt: a kind that this version does not know.
std::optional<ProblemKind> problem_kind(std::string_view name);

struct Problem {
  ProblemKind kind{};
  std::string text;  // for the operator; without numbers that change all the time
  bool operator==(const Problem&) const = default;
};
using Problems = std::vector<Problem>;

}  // namespace tamada::core
