// What stands wrong on this member until somebody mends it, in a form that is shown wherever one looks at the member.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::core {

struct Problem {
  std::string kind;  // one of problem_kinds
  std::string text;  // for the operator; without numbers that change all the time
  bool operator==(const Problem&) const = default;
};
using Problems = std::vector<Problem>;

// Each is a label of the metric tamada_problem. A new kind is one line here and, where core finds it itself, one in
// problems.cc; other parts of the daemon tell theirs in Observation::noticed or PostgresView::problems.
inline constexpr std::array<std::string_view, 13> problem_kinds{
    "configuration",  // some of it has no effect, or not the one that was meant
    "security",       // what anybody may do who reaches this host
    "guard",          // nothing ends this primary should its daemon freeze
    "watchdog",       // it is required, and cannot be used
    "dcs",            // it does not answer
    "keys",           // all of the cluster's are gone, and nobody may be promoted for it
    "connections",    // the server answers no new connection, or refuses ours
    "disk",           // writes fail or take long
    "access",         // pg_hba.conf or another file of the server does not parse
    "archive",        // archive_command fails
    "slots",          // the WAL that a slot should keep is gone
    "rewind",         // pg_rewind failed
    "job",            // an operation fails and is tried again, or does not end
};

}  // namespace tamada::core
