// Names of synchronous standbys, and PostgreSQL's parameter synchronous_standby_names.
// Source of the grammar: PostgreSQL's documentation of that parameter; of what is written: Patroni's sync.py.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace tamada::core {

// PostgreSQL compares the names there with application_name without regard to case.
struct NameLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using Names = std::set<std::string, NameLess>;

Names united(const Names& a, const Names& b);
Names common(const Names& a, const Names& b);
Names without(const Names& a, const Names& b);
bool same_names(const Names& a, const Names& b);
std::string joined(const Names& names, std::string_view separator = ",");

// The name that is set when no standby can be named but commits must wait. No standby has this name.
inline constexpr std::string_view strict_placeholder = "__patroni_strict_sync_replica_placeholder__";

struct SyncNames {
  enum class Method { priority, quorum };
  Method method = Method::priority;
  int count = 0;  // how many standbys have to acknowledge; if there are fewer, commits wait for ever
  Names standbys;
  bool unclear = false;  // the text is `*` or no valid list, so any standby's acknowledgement may be enough

  bool operator==(const SyncNames& other) const;
};

SyncNames parse_sync_names(std::string_view text);
// Sorted, with names quoted where PostgreSQL needs that: `a`, `2 (a,"b-c")`, `ANY 1 (a,b)`; "" when there are none.
std::string format_sync_names(const SyncNames& names);

}  // namespace tamada::core
