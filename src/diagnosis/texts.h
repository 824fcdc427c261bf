// Everything that `doctor` can say. Programs know a finding by its code. The dashboard has the same texts in other
// languages, by the same codes and with the same names in braces (`web/src/found.ts`).
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

namespace tamada::diagnosis {

enum class Grade { ok, warning, failure };

struct Text {
  std::string_view code, check;
  Grade grade;
  std::string_view text;
  std::string_view next = {};  // what to do; empty when nothing has to be done
};

inline constexpr Text texts[] = {
    {"etcd_answers", "etcd", Grade::ok, "{etcd} answers in {ms} ms"},
    {"etcd_silent", "etcd", Grade::warning, "{error}", "start it, or take it out of the configuration"},
    {"etcd_slow", "etcd", Grade::warning, "{etcd} takes {ms} ms to answer",
     "look at its disk (etcd_disk_wal_fsync_duration_seconds) and its network"},
    {"etcd_behind", "etcd", Grade::warning, "{etcd} is {entries} log entries behind another one",
     "look at its disk (etcd_disk_wal_fsync_duration_seconds) and its network"},
    {"etcd_complains", "etcd", Grade::failure, "{etcd} reports: {complaints}",
     "etcdctl endpoint status, etcdctl alarm list; if it has no space left: compact, defrag, and alarm disarm"},
    {"etcd_no_majority", "etcd", Grade::failure, "half of the endpoints or more are down",
     "without a majority of etcd no member can lead"},

    {"members_answer", "members", Grade::ok, "all {count} answer"},
    {"member_silent", "members", Grade::failure, "{member} does not answer: {error}",
     "start its daemon, or open the port of its REST API to this host"},
    {"member_gone", "members", Grade::failure, "{member} (its key in etcd has been gone for {age}) is missing",
     "start its daemon, or find out why it does not renew its key; a member that was removed is forgotten after a day"},
    {"member_without_key", "members", Grade::failure, "{member} (it has no key in etcd) is missing",
     "start its daemon, or find out why it does not renew its key; a member that was removed is forgotten after a day"},

    {"problems_none", "problems", Grade::ok, "no member reports a problem"},
    {"problem", "problems", Grade::warning, "{members}: {problem}", "explain and the daemon's log tell more"},
    {"problem_configuration", "problems", Grade::warning, "{members}: {problem}",
     "correct it: edit-config, or the file of the member and reload"},
    {"problem_certificate", "problems", Grade::warning, "{members}: {problem}",
     "write certificate and key again, complete and as a pair; the next connection reads them"},
    {"problem_security", "problems", Grade::failure, "{members}: {problem}",
     "set restapi.authentication, restapi.verify_client or restapi.allowlist"},
    {"problem_guard", "problems", Grade::warning, "{members}: {problem}",
     "without a guard a primary whose daemon freezes goes on writing; the daemon's log tells more"},
    {"problem_disk", "problems", Grade::warning, "{members}: {problem}",
     "make room, or look at the device: df, df -i, dmesg"},
    {"problem_rewind", "problems", Grade::warning, "{members}: {problem}",
     "reinit copies the member anew, once the cause is repaired"},
    {"problem_access", "problems", Grade::warning, "{members}: {problem}",
     "correct the line: postgresql.pg_hba, or the file itself"},
    {"problem_archive", "problems", Grade::warning, "{members}: {problem}",
     "run archive_command by hand; until it succeeds pg_wal grows"},
    {"problem_clock", "problems", Grade::warning, "{members}: {problem}",
     "timedatectl, chronyc tracking: on this host and on etcd's"},
    {"problem_slots", "problems", Grade::warning, "{members}: {problem}",
     "let its reader catch up, or drop it; max_slot_wal_keep_size bounds what a slot may hold"},

    {"configuration_fine", "configuration", Grade::ok, "each key of the dynamic configuration takes effect"},
    {"configuration_mistake", "configuration", Grade::warning, "{mistake}", "edit-config {cluster}"},

    {"primary_leads", "primary", Grade::ok, "{leader} takes writes, and nobody else"},
    {"primary_elsewhere", "primary", Grade::ok, "none, which is right for a standby cluster; its leader is {leader}"},
    {"no_leader", "primary", Grade::failure, "nobody holds the leader key",
     "explain tells what keeps each member from being promoted"},
    {"several_primaries", "primary", Grade::failure, "{count} members take writes: {members}",
     "fence all but the leader, {leader}, at once"},
    {"primary_in_standby_cluster", "primary", Grade::failure, "{member} takes writes in a standby cluster",
     "explain tells more"},
    {"no_primary", "primary", Grade::failure, "no member says that it takes writes; the leader key is {leader}'s",
     "explain {leader} tells what it is doing"},
    {"primary_without_key", "primary", Grade::failure, "{member} takes writes, and {leader} holds the leader key",
     "fence {member} at once"},

    {"failover_possible", "failover", Grade::ok, "could go to {members}"},
    {"failover_impossible", "failover", Grade::warning, "nobody could take over: {reasons}", "explain tells more"},
    {"no_standby", "failover", Grade::warning, "nobody could take over", "add a member"},

    {"ttl_fits", "ttl", Grade::ok, "loop_wait {loop_wait} + 2 * retry_timeout {retry_timeout} = {sum}, ttl {ttl}"},
    {"ttl_too_short", "ttl", Grade::warning,
     "loop_wait {loop_wait} + 2 * retry_timeout {retry_timeout} = {sum}, ttl {ttl}: the daemons lower loop_wait and "
     "retry_timeout by themselves",
     "edit-config -s ttl={sum}"},
    {"ttl_no_number", "ttl", Grade::warning,
     "loop_wait {loop_wait} + 2 * retry_timeout {retry_timeout} = {sum}, ttl {ttl}; the default of {setting} is used, "
     "because its value is not a number",
     "edit-config -s {setting}=NUMBER"},

    {"paused", "pause", Grade::warning, "the cluster is paused: there is no automatic failover", "resume ends it"},

    {"one_synchronous", "synchronous", Grade::ok, "{members} is synchronous"},
    {"several_synchronous", "synchronous", Grade::ok, "{members} are synchronous"},
    {"nobody_synchronous", "synchronous", Grade::warning,
     "synchronous_mode is on, and no standby is synchronous, so commits wait for no standby",
     "list shows who streams; tags nosync keep a member out"},

    {"clocks_agree", "clocks", Grade::ok, "no two differ by more than {seconds} s"},
    {"clocks_differ", "clocks", Grade::warning, "{member} is {seconds} s ahead of {other}",
     "is a time service (chrony, systemd-timesyncd) running there?"},

    {"patroni_versions_agree", "versions", Grade::ok, "Patroni's interface {version} on all members that tell"},
    {"server_versions_agree", "versions", Grade::ok, "PostgreSQL {version} on all members that tell"},
    {"patroni_versions_differ", "versions", Grade::warning, "Patroni's interface differs: {versions}",
     "finish the update, member by member, the leader last"},
    {"server_versions_differ", "versions", Grade::warning, "PostgreSQL differs: {versions}",
     "finish the update, member by member, the leader last"},

    {"restarts_none", "restarts", Grade::ok, "none is pending"},
    {"restart_pending", "restarts", Grade::warning, "{member} waits for a restart",
     "restart {cluster} {member} --pending"},
    {"restart_pending_for", "restarts", Grade::warning, "{member} waits for a restart ({parameters})",
     "restart {cluster} {member} --pending"},

    {"replication_fine", "replication", Grade::ok, "all standbys stream within the limit"},
    {"not_streaming", "replication", Grade::warning, "{member} is {state}, not streaming",
     "explain {member} tells why"},
    {"too_far_behind", "replication", Grade::warning,
     "{member} is {lag} behind, more than maximum_lag_on_failover ({limit})",
     "it cannot be promoted until it has caught up"},
    {"other_timeline", "replication", Grade::warning, "{member} is on timeline {timeline}, the leader on {leaders}",
     "explain {member} tells whether it follows the leader; reinit copies it anew"},

    {"slots_fine", "slots", Grade::ok, "none of {count} holds more than {limit} of WAL"},
    {"slots_by_key", "slots", Grade::ok,
     "known only from the key status, because the server could not be asked: {error}"},
    {"slot_lost", "slots", Grade::failure, "{slot}: its WAL is {wal_status}", "its reader has to be set up anew"},
    {"slot_holds_wal", "slots", Grade::warning, "{slot} holds {bytes} of WAL",
     "is its reader coming back? Otherwise: SELECT pg_drop_replication_slot('{slot}')"},
    {"slot_without_reader", "slots", Grade::warning, "{slot} holds {bytes} of WAL, and no reader is connected",
     "is its reader coming back? Otherwise: SELECT pg_drop_replication_slot('{slot}')"},

    {"rewind_allowed", "pg_rewind", Grade::ok, "{user} may call on {leader} all functions that it needs"},
    {"rewind_unknown", "pg_rewind", Grade::warning, "the rights of {user} are not known: {error}",
     "see the server's log; postgresql.authentication.rewind names the user"},
    {"rewind_forbidden", "pg_rewind", Grade::warning,
     "{user} may not call {functions} on {leader}: a diverged member cannot be rewound",
     "psql on the leader: {grants}"},

    {"certificate_good", "certificates", Grade::ok, "{certificate} is good for {days} days"},
    {"certificate_unreadable", "certificates", Grade::warning, "{certificate}: {error}", "see the configuration"},
    {"certificate_ends", "certificates", Grade::warning, "{certificate} ends in {days} days", "renew it, and reload"},
    {"certificate_ended", "certificates", Grade::failure, "{certificate} ended {days} days ago",
     "renew it, and reload"},
};

// A code of the table; any other one does not compile.
struct Code {
  consteval Code(const char* name) : text(*std::ranges::find(texts, std::string_view(name), &Text::code)) {}
  const Text& text;
};

}  // namespace tamada::diagnosis
