// The functions of the commands, each in its own file. They print to stdout. The text of an error is printed after
// "Error: ".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "ctl/output.h"
#include "ctl/session.h"

namespace tamada::ctl {

using Done = core::Result<void>;
inline constexpr auto aborted = "Aborted!";  // printed without "Error: ", as click does when the input ends at a
                                             // question
inline std::unexpected<core::Error> stopped() { return core::fail(aborted); }

// Whether the exit statuses are patronictl's, which are 0 after many failures. They are if the program is called
// patronictl, or if PATRONICTL_COMPAT=1.
bool keeps_patronictl_status();
void set_program_name(const std::string& name);
// A failure that has already been printed. It gives the exit status 1 without further text, or 0 if patronictl's
// statuses are in use.
Done failure_told();

struct ClusterOptions {
  std::string cluster;  // empty: the scope of the configuration
};
struct ReportOptions : ClusterOptions {
  Format format = Format::pretty;
};
struct WatchOptions {
  bool watch = false;
  double watch_every_s = 0;
};

// ---- the state of the cluster

struct ListOptions : WatchOptions {
  std::vector<std::string> clusters;
  Format format = Format::pretty;
  bool extended = false, timestamp = false;
};
Done list(Session& session, const ListOptions& options);
Done topology(Session& session, const ListOptions& options);

Done history(Session& session, const ReportOptions& options);

struct VersionOptions : ClusterOptions {  // without a cluster's name, only tamadactl's version is printed
  std::vector<std::string> members;
};
Done version(Session& session, const VersionOptions& options);

struct DsnOptions : ClusterOptions {
  std::optional<std::string> role, member;
};
Done dsn(Session& session, const DsnOptions& options);

struct QueryOptions : DsnOptions, WatchOptions {
  Format format = Format::tsv;
  std::optional<std::string> command, file, username, dbname;
  std::string delimiter = "\t";
  bool password = false;
};
Done query(Session& session, const QueryOptions& options);

// ---- moving the leader

struct MoveOptions : ClusterOptions {
  std::optional<std::string> leader, candidate, scheduled;
  bool force = false, dry_run = false;
};
Done switchover(Session& session, const MoveOptions& options);
Done failover(Session& session, const MoveOptions& options);

struct DemoteClusterOptions : ClusterOptions {
  std::optional<std::string> host, restore_command, primary_slot_name;
  std::optional<int> port;
  bool force = false;
};
Done demote_cluster(Session& session, const DemoteClusterOptions& options);
struct PromoteClusterOptions : ClusterOptions {
  bool force = false;
};
Done promote_cluster(Session& session, const PromoteClusterOptions& options);

// ---- members

struct MembersOptions : ClusterOptions {
  std::vector<std::string> members;
  std::string role = "any";
  bool force = false, dry_run = false;
};
Done reload(Session& session, const MembersOptions& options);

struct RestartOptions : MembersOptions {
  std::optional<std::string> scheduled, pg_version, timeout;
  bool any_one = false, pending = false, rolling = false;
};
Done restart(Session& session, const RestartOptions& options);

struct ReinitOptions : MembersOptions {
  bool from_leader = false, wait = false;
};
Done reinit(Session& session, const ReinitOptions& options);

struct FlushOptions : MembersOptions {
  std::string target;  // restart or switchover
};
Done flush(Session& session, const FlushOptions& options);

// ---- the whole cluster

struct PauseOptions : ClusterOptions {
  bool wait = false;
};
Done pause(Session& session, const PauseOptions& options);
Done resume(Session& session, const PauseOptions& options);

Done show_config(Session& session, const ClusterOptions& options);

struct EditConfigOptions : ClusterOptions {
  std::vector<std::string> set, pg;
  std::string apply_file, replace_file;  // "-": stdin
  bool quiet = false, force = false;
};
Done edit_config(Session& session, const EditConfigOptions& options);

struct RemoveOptions : ReportOptions {
  bool dry_run = false;
};
Done remove(Session& session, const RemoveOptions& options);

// ---- additions to patronictl

struct WaitOptions : ClusterOptions {
  std::vector<std::string> goals;
  double timeout_s = 60;
};
Done wait_for_goals(Session& session, const WaitOptions& options);

// Writes an archive for a fault report, without secrets.
struct BundleOptions : ClusterOptions {
  std::string file;  // empty: named after the cluster and the time, in the working directory
};
Done bundle(Session& session, const BundleOptions& options);

struct JsonOptions : ClusterOptions {
  bool json = false;
};
struct ExplainOptions : JsonOptions {
  std::vector<std::string> members;  // empty: all
};
// Prints for each member which rule decides, since when, and what prevents its promotion.
Done explain(Session& session, const ExplainOptions& options);

struct EventsOptions : JsonOptions {
  bool follow = false;
  std::optional<int> last;  // number of past events; by default 50, or all since `since`
  std::optional<std::string> since;
  std::vector<std::string> types, members;
};
Done events(Session& session, const EventsOptions& options);

struct TopOptions : JsonOptions, WatchOptions {};
Done top(Session& session, const TopOptions& options);

// Prints the names of all clusters; a hidden command for completions.
Done clusters(Session& session, const ClusterOptions& options);

// Returns an error if something is broken; warnings do not count.
Done doctor(Session& session, const JsonOptions& options);

}  // namespace tamada::ctl
