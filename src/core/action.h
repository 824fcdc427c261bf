// The actions that a decision may ask for. The Executor performs them in order, and the next Observation shows each
// failure. `name` is what the log and the simulator's trace call the action.
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
struct EnsureLease {  // grant a new lease, because there is none or it ran out
  static constexpr std::string_view name = "EnsureLease";
};
struct RenewLease {  // keep the lease alive; the leader also has its leader key confirmed by it
  static constexpr std::string_view name = "RenewLease";
};
// Create the leader key. The transaction compares that the key does not exist, or is ours at the revision `expected`.
// After a race it also compares that no leader has come and gone since the race was decided.
struct AcquireLeader {
  static constexpr std::string_view name = "AcquireLeader";
  Revision expected = 0;
  std::optional<LeaderMarks> marks = {};
};
struct ReleaseLeader {  // write the position at which our server stopped, and delete the leader key
  static constexpr std::string_view name = "ReleaseLeader";
  std::optional<Lsn> optime;
};
struct RevokeLease {  // end our lease, with which our member key disappears: this node leaves
  static constexpr std::string_view name = "RevokeLease";
};
struct PublishMember {
  static constexpr std::string_view name = "PublishMember";
  Member record;
};
struct RaceInitialize {  // create an empty `initialize` on our lease; compares that it is absent
  static constexpr std::string_view name = "RaceInitialize";
};
struct CancelInitialize {  // delete our empty `initialize` after a failed bootstrap
  static constexpr std::string_view name = "CancelInitialize";
};
struct WriteInitialize {
  static constexpr std::string_view name = "WriteInitialize";
  std::string system_identifier;
};
struct WriteConfig {  // write the dynamic configuration that we know (bootstrap.dcs, or our cached copy)
  static constexpr std::string_view name = "WriteConfig";
};
struct WriteStatus {
  static constexpr std::string_view name = "WriteStatus";
  Status status;
};
struct WriteHistory {  // from the history file of this timeline; see merge_history
  static constexpr std::string_view name = "WriteHistory";
  Timeline timeline;
};
struct WriteSync {  // compares the key's revision, too
  static constexpr std::string_view name = "WriteSync";
  SyncState state;  // state.revision is the one that the decision saw, 0 if there was no key
};
struct DeleteSync {
  static constexpr std::string_view name = "DeleteSync";
  Revision expected = 0;
};
struct WriteFailsafe {
  static constexpr std::string_view name = "WriteFailsafe";
  std::map<std::string, std::string> members;  // name -> api_url
};
struct ClearFailover {
  static constexpr std::string_view name = "ClearFailover";
  Revision revision;
};

// ---- asking others
struct PollPeers {
  static constexpr std::string_view name = "PollPeers";
  std::vector<Member> members;
  std::optional<Instant> until = {};  // stop waiting for answers then, because another decision is due
};
struct AskFailsafe {  // POST /failsafe to every member; see FailsafeView
  static constexpr std::string_view name = "AskFailsafe";
  FailsafeLeader leader;
  std::map<std::string, std::string> members;  // without ourselves
};
struct AskUpstream {
  static constexpr std::string_view name = "AskUpstream";
  Upstream upstream;
  Timeline ours = 0;  // the timeline of a stopped server, by its control file; a running server is asked for it
};

// ---- the local server. Long work is a job, of which only one runs at a time.
struct SlotSpec {
  std::string name;
  bool physical = true;
  std::string database = {}, plugin = {};  // of a logical slot
  bool operator==(const SlotSpec&) const = default;
};
enum class StopMode { fast, immediate };
struct StartJob {
  static constexpr std::string_view name = "StartJob";
  JobKind kind = JobKind::none;
  Upstream upstream;       // basebackup, rewind: the server to copy from; start with as_standby: the server to follow
  bool as_standby = true;  // start
  StopMode stop_mode = StopMode::fast;
  bool checkpoint_first = false;     // stop: CHECKPOINT while still accepting writes, so that stopping is short
  Duration timeout{};                // start, stop: the time limit; 0 when there is none
  std::vector<SlotSpec> slots = {};  // copy_slots: the slots to copy
  std::vector<std::string> replica_methods = {};  // basebackup: the methods to try, in order; empty: those that the
                                                  // node's configuration names
  bool archive_last_wal = false;  // stop: give the segment of the shutdown checkpoint to archive_command
};
struct CancelJob {
  static constexpr std::string_view name = "CancelJob";
};
struct Follow {  // point the running standby at another upstream, without restart where possible
  static constexpr std::string_view name = "Follow";
  Upstream upstream;
};
struct SlotDrop {
  std::string name, why;
};
// Drops come before creations, because a slot may be created again under its name. Runs beside the cycle; see
// Observation::slots_busy.
struct SyncSlots {
  static constexpr std::string_view name = "SyncSlots";
  std::vector<SlotSpec> create;
  std::vector<SlotDrop> drop;
};
struct SlotAdvance {
  std::string name, database;  // database: of a logical slot; empty for a physical one
  Lsn to = 0;
};
struct AdvanceSlots {  // runs beside the cycle, too
  static constexpr std::string_view name = "AdvanceSlots";
  std::vector<SlotAdvance> slots;
};
struct AskSlots {  // its answer is Observation::leader_slots; runs beside the cycle, too
  static constexpr std::string_view name = "AskSlots";
  Upstream leader;
  std::vector<std::string> slots;
};
struct EnforceFeedback {  // hot_standby_feedback
  static constexpr std::string_view name = "EnforceFeedback";
  bool on = false;
};
struct SetSyncNames {  // set synchronous_standby_names; returns once the value is in force, or has failed
  static constexpr std::string_view name = "SetSyncNames";
  std::string names;
};
struct SetAside {  // rename the data directory; never deletes it
  static constexpr std::string_view name = "SetAside";
  std::string reason;
  // Whether a copy will replace the data, which may be removed afterwards. Until then this node counts as a member of
  // its cluster.
  bool superseded = true;
};
struct RemoveSuperseded {  // delete the directory that SetAside renamed, now that the copy which replaces it is
                           // complete
  static constexpr std::string_view name = "RemoveSuperseded";
};
struct ApplyConfiguration {  // write the server's files for its role, and reload where they changed
  static constexpr std::string_view name = "ApplyConfiguration";
};
struct Checkpoint {  // run after a promotion, because only then pg_rewind on other members sees the new timeline
  static constexpr std::string_view name = "Checkpoint";
  Timeline timeline;
};
struct Tell {  // log this text besides the decision's own reason
  static constexpr std::string_view name = "Tell";
  std::string text;
  bool is_warning = false;
};
struct RunCallback {
  static constexpr std::string_view name = "RunCallback";
  std::string action;
  std::string role;
};

// ---- this daemon
struct ForgetRequests {  // the operator's requests have been served
  static constexpr std::string_view name = "ForgetRequests";
};
struct ForgetScheduledRestart {
  static constexpr std::string_view name = "ForgetScheduledRestart";
};
struct Exit {
  static constexpr std::string_view name = "Exit";
  int code = 0;
};

using Action =
    std::variant<EnsureLease, RenewLease, AcquireLeader, ReleaseLeader, RevokeLease, PublishMember, RaceInitialize,
                 CancelInitialize, WriteInitialize, WriteConfig, WriteStatus, WriteHistory, WriteSync, DeleteSync,
                 ClearFailover, WriteFailsafe, PollPeers, AskFailsafe, AskUpstream, StartJob, CancelJob, Follow,
                 SyncSlots, AdvanceSlots, AskSlots, EnforceFeedback, SetSyncNames, SetAside, RemoveSuperseded,
                 ApplyConfiguration, Checkpoint, Tell, RunCallback, ForgetRequests, ForgetScheduledRestart, Exit>;
using Actions = std::vector<Action>;

std::string_view name(const Action& action);  // "RenewLease"

}  // namespace tamada::core
