#include "core/action.h"

namespace tamada::core {

std::string_view name(JobKind kind) {
  switch (kind) {
    case JobKind::none:
      return "nothing";
    case JobKind::bootstrap:
      return "bootstrap";
    case JobKind::basebackup:
      return "basebackup";
    case JobKind::start:
      return "start";
    case JobKind::stop:
      return "stop";
    case JobKind::restart:
      return "restart";
    case JobKind::promote:
      return "promote";
    case JobKind::rewind:
      return "rewind";
    case JobKind::copy_slots:
      return "copy of logical slots";
  }
  return "?";
}

namespace {
struct ActionName {
  std::string_view operator()(const EnsureLease&) const { return "EnsureLease"; }
  std::string_view operator()(const RenewLease&) const { return "RenewLease"; }
  std::string_view operator()(const AcquireLeader&) const { return "AcquireLeader"; }
  std::string_view operator()(const ReleaseLeader&) const { return "ReleaseLeader"; }
  std::string_view operator()(const RevokeLease&) const { return "RevokeLease"; }
  std::string_view operator()(const PublishMember&) const { return "PublishMember"; }
  std::string_view operator()(const RaceInitialize&) const { return "RaceInitialize"; }
  std::string_view operator()(const CancelInitialize&) const { return "CancelInitialize"; }
  std::string_view operator()(const WriteInitialize&) const { return "WriteInitialize"; }
  std::string_view operator()(const WriteConfig&) const { return "WriteConfig"; }
  std::string_view operator()(const WriteStatus&) const { return "WriteStatus"; }
  std::string_view operator()(const WriteHistory&) const { return "WriteHistory"; }
  std::string_view operator()(const WriteSync&) const { return "WriteSync"; }
  std::string_view operator()(const DeleteSync&) const { return "DeleteSync"; }
  std::string_view operator()(const SetSyncNames&) const { return "SetSyncNames"; }
  std::string_view operator()(const WriteFailsafe&) const { return "WriteFailsafe"; }
  std::string_view operator()(const AskFailsafe&) const { return "AskFailsafe"; }
  std::string_view operator()(const ClearFailover&) const { return "ClearFailover"; }
  std::string_view operator()(const PollPeers&) const { return "PollPeers"; }
  std::string_view operator()(const AskUpstream&) const { return "AskUpstream"; }
  std::string_view operator()(const StartJob&) const { return "StartJob"; }
  std::string_view operator()(const CancelJob&) const { return "CancelJob"; }
  std::string_view operator()(const Follow&) const { return "Follow"; }
  std::string_view operator()(const SyncSlots&) const { return "SyncSlots"; }
  std::string_view operator()(const AdvanceSlots&) const { return "AdvanceSlots"; }
  std::string_view operator()(const AskSlots&) const { return "AskSlots"; }
  std::string_view operator()(const EnforceFeedback&) const { return "EnforceFeedback"; }
  std::string_view operator()(const SetAside&) const { return "SetAside"; }
  std::string_view operator()(const RemoveSuperseded&) const { return "RemoveSuperseded"; }
  std::string_view operator()(const ApplyConfiguration&) const { return "ApplyConfiguration"; }
  std::string_view operator()(const Checkpoint&) const { return "Checkpoint"; }
  std::string_view operator()(const Tell&) const { return "Tell"; }
  std::string_view operator()(const RunCallback&) const { return "RunCallback"; }
  std::string_view operator()(const ForgetRequests&) const { return "ForgetRequests"; }
  std::string_view operator()(const ForgetScheduledRestart&) const { return "ForgetScheduledRestart"; }
  std::string_view operator()(const Exit&) const { return "Exit"; }
};
}  // namespace

std::string_view name(const Action& action) { return std::visit(ActionName{}, action); }

}  // namespace tamada::core
