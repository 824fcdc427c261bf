// What a decision may ask for. The Executor performs them, in order; each failure is seen in the next Observation.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/cluster_view.h"
#include "core/observation.h"
#include "core/postgres_view.h"

namespace tamada::core {

// ---- the DCS. Writes of the leader compare that the leader key is still ours, at the revision of the Observation.
struct EnsureLease {};  // grant a new lease: there is none, or it ran out
struct RenewLease {};   // keep the lease alive; for the leader also confirms the leader key
// Create the leader key. The transaction compares that it does not exist, or is ours at this revision; after a race
// also that no leader has come and gone since the race was decided.
struct AcquireLeader {
  Revision expected = 0;
  std::optional<LeaderMarks> marks = {};
};
struct ReleaseLeader {  // delete the leader key, having written the position that we stopped at
  std::optional<Lsn> optime;
};
struct RevokeLease {};  // our member key goes too: we leave
struct PublishMember {
  Member record;
};
struct RaceInitialize {};    // create an empty `initialize` on our lease; compares that it is absent
struct CancelInitialize {};  // delete our empty `initialize` after a failed bootstrap
struct WriteInitialize {
  std::string system_identifier;
};
struct WriteConfig {};  // the dynamic configuration that we know (bootstrap.dcs, or our cached copy)
struct WriteStatus {
  Status status;
};
struct WriteHistory {
  Timeline timeline;
};  // from the history file of this timeline, see merge_history
struct WriteSync {  // compares the revision of the key that the decision saw, too
  SyncState state;  // with that revision; 0: there is none
};
struct DeleteSync {
  Revision expected = 0;
};
struct WriteFailsafe {
  std::map<std::string, std::string> members;  // name -> api_url
};
struct ClearFailover {
  Revision revision;
};

// ---- asking others
struct PollPeers {
  std::vector<Member> members;
  std::optional<Instant> until = {};  // something else is due then: answers that take longer are not waited for
};
struct AskFailsafe {  // POST /failsafe to every member; see FailsafeView
  FailsafeLeader leader;
  std::map<std::string, std::string> members;  // without ourselves
};
struct AskUpstream {
  Upstream upstream;
  Timeline ours = 0;  // of a stopped server, by its control file; a running one is asked, too
};

// ---- the local server. Long work is a job; one at a time.
struct SlotSpec {
  std::string name;
  bool physical = true;
  std::string database = {}, plugin = {};  // of a logical one
  bool operator==(const SlotSpec&) const = default;
};
enum class StopMode { fast, immediate };
struct StartJob {
  JobKind kind = JobKind::none;
  Upstream upstream;       // basebackup, rewind: from whom; start: whom to follow, when as_standby
  bool as_standby = true;  // start
  StopMode stop_mode = StopMode::fast;
  bool checkpoint_first = false;     // stop: CHECKPOINT while still accepting writes, so that stopping is short
  Duration timeout{};                // start, stop: give up after; 0: no limit
  std::vector<SlotSpec> slots = {};  // copy_slots: which
  std::vector<std::string> replica_methods = {};  // basebackup: by these, in order; empty: as the node is configured
  bool archive_last_wal = false;  // stop: give the segment of the shutdown checkpoint to archive_command
};
struct CancelJob {};
struct Follow {
  Upstream upstream;
};  // point the running standby at another upstream, without restart where possible
struct SlotDrop {
  std::string name, why;
};
struct SyncSlots {  // drop first: a slot may be made anew. Beside the cycle, see Observation::slots_busy
  std::vector<SlotSpec> create;
  std::vector<SlotDrop> drop;
};
struct SlotAdvance {
  std::string name, database;  // database: of a logical one; empty: physical
  Lsn to = 0;
};
struct AdvanceSlots {  // beside the cycle, too
  std::vector<SlotAdvance> slots;
};
struct AskSlots {  // for LeaderSlots; beside the cycle, too
  Upstream leader;
  std::vector<std::string> slots;
};
struct EnforceFeedback {  // hot_standby_feedback
  bool on = false;
};
struct SetSyncNames {  // synchronous_standby_names; returns once it is in force, or could not be brought in force
  std::string names;
};
struct SetAside {
  std::string reason;
  // A copy will replace the data, which may be removed afterwards. Until then this node counts as a member of its
  // cluster.
  bool superseded = true;
};  // rename the data directory away; never deletes
struct RemoveSuperseded {};    // what SetAside renamed for a copy that is now there
struct ApplyConfiguration {};  // write the server's files for its role, and reload where they changed
struct Checkpoint {
  Timeline timeline;
};  // after a promotion, so that pg_rewind sees the new timeline
struct Tell {  // in the log, beside the decision's own reason
  std::string text;
  bool is_warning = false;
};
struct RunCallback {
  std::string action;
  std::string role;
};

// ---- this daemon
struct ForgetRequests {};  // the operator's requests have been served
struct ForgetScheduledRestart {};
struct Exit {
  int code = 0;
};

using Action =
    std::variant<EnsureLease, RenewLease, AcquireLeader, ReleaseLeader, RevokeLease, PublishMember, RaceInitialize,
                 CancelInitialize, WriteInitialize, WriteConfig, WriteStatus, WriteHistory, WriteSync, DeleteSync,
                 ClearFailover, WriteFailsafe, PollPeers, AskFailsafe, AskUpstream, StartJob, CancelJob, Follow,
                 SyncSlots, AdvanceSlots, AskSlots, EnforceFeedback, SetSyncNames, SetAside, RemoveSuperseded,
                 ApplyConfiguration, Checkpoint, Tell, RunCallback, ForgetRequests, ForgetScheduledRestart, Exit>;
using Actions = std::vector<Action>;

std::string_view name(const Action& action);  // "RenewLease", for logs and traces

}  // namespace tamada::core
