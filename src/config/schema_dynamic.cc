// The keys of the dynamic configuration: /config, bootstrap.dcs.
#include <array>

#include "config/schema.h"

namespace tamada::config {
namespace {

constexpr std::int64_t bytes_max = std::int64_t{1} << 50;

constexpr auto dynamic_postgresql_keys = std::to_array<Key>({
    {.name = "parameters",
     .type = Type::parameters,
     .what = "parameters of postgresql.conf on every node; those that must be equal on all nodes can be set only here",
     .reload = Reload::server},
    {.name = "pg_hba", .type = Type::lines, .what = "lines of pg_hba.conf on every node"},
    {.name = "pg_ident", .type = Type::lines, .what = "lines of pg_ident.conf on every node"},
    {.name = "recovery_conf",
     .type = Type::parameters,
     .what = "parameters of recovery, for standbys: restore_command, recovery_min_apply_delay ...; the recovery target "
             "and the upstream cannot be set here",
     .reload = Reload::server},
    {.name = "use_pg_rewind",
     .type = Type::boolean,
     .fallback = "false",
     .what = "a diverged node is repaired by pg_rewind"},
    {.name = "use_slots", .type = Type::boolean, .fallback = "true", .what = "replication slots are used"},
});

constexpr auto standby_cluster_keys = std::to_array<Key>({
    {.name = "host", .what = "host of the primary in the other cluster; several are separated by commas"},
    {.name = "port", .type = Type::hosts, .what = "its port"},
    {.name = "primary_slot_name", .what = "name of a slot on that server; without it the standby leader uses no slot"},
    {.name = "restore_command", .what = "command that fetches WAL from the other cluster's archive"},
    {.name = "archive_cleanup_command", .what = "parameter of the standby leader"},
    {.name = "recovery_min_apply_delay", .what = "parameter of the standby leader"},
    {.name = "create_replica_methods", .type = Type::lines, .what = "methods by which the standby leader is copied"},
});

constexpr std::string_view not_citus = "Citus clusters are not supported";

constexpr auto dynamic_root_keys = std::to_array<Key>({
    {.name = "profile",
     .type = Type::word,
     .what =
         "a set of intervals: `fast` is ttl 4, loop_wait 1, retry_timeout 1 with failsafe_mode; `norm` 30, 10, 10; "
         "`wide` 120, 10, 30. If one of these keys is set, too, its own value is used. An addition to Patroni's keys",
     .allowed = "fast, norm, wide"},
    {.name = "ttl",
     .type = Type::integer,
     .fallback = "30",
     .what = "seconds after which the leader key expires if the leader does not renew its lease",
     .min = 3,
     .max = 315'360'000},
    {.name = "loop_wait",
     .type = Type::integer,
     .fallback = "10",
     .what = "seconds between two heartbeats; events are handled at once, whatever the value is",
     .min = 1,
     .max = 315'360'000},
    {.name = "retry_timeout",
     .type = Type::integer,
     .fallback = "10",
     .what = "seconds for which etcd or PostgreSQL may fail without a demotion of the primary. A renewal of the lease "
             "consists of two requests, because the second proves that a majority of etcd confirms the first, and it "
             "waits for the leader's writes at a heartbeat. So if each answer takes more than a sixth of `loop_wait` + "
             "`retry_timeout`, the primary may be demoted although no request fails",
     .min = 1,
     .max = 315'360'000},
    {.name = "maximum_lag_on_failover",
     .type = Type::integer,
     .fallback = "1048576",
     .what = "bytes of WAL that a candidate may be behind the leader's last position",
     .max = bytes_max},
    {.name = "maximum_lag_on_syncnode",
     .type = Type::integer,
     .fallback = "-1",
     .what = "a synchronous standby that is more bytes behind is replaced by another one; 0 or less: never",
     .min = -1,
     .max = bytes_max},
    {.name = "max_timelines_history",
     .type = Type::integer,
     .fallback = "0",
     .what = "number of timelines that `/history` keeps; 0: all",
     .max = 1'000'000},
    {.name = "check_timeline",
     .type = Type::boolean,
     .fallback = "false",
     .what = "a member on an older timeline than the cluster's cannot become the leader"},
    {.name = "primary_start_timeout",
     .type = Type::integer,
     .fallback = "300",
     .what = "seconds in which a crashed primary has to start again; then another member takes over; 0: it takes over "
             "at once",
     .max = 315'360'000},
    {.name = "master_start_timeout",
     .type = Type::integer,
     .what = "older name of `primary_start_timeout`",
     .max = 315'360'000},
    {.name = "primary_stop_timeout",
     .type = Type::integer,
     .fallback = "0",
     .what = "seconds in which a primary in synchronous mode has to stop before it is killed; 0: no limit",
     .max = 315'360'000},
    {.name = "master_stop_timeout",
     .type = Type::integer,
     .what = "older name of `primary_stop_timeout`",
     .max = 315'360'000},
    {.name = "primary_unresponsive",
     .type = Type::word,
     .fallback = "failover",
     .what = "what happens to a primary that answers no new connection, for example because its postmaster hangs: "
             "after `loop_wait` its health checks answer 503 and `list` reports it (`warn` and `failover`); after "
             "`ttl` it is ended, and another member takes over or it is started again (`failover`). The same setting "
             "counts for a primary whose disk completes no write, so that commits wait: after `loop_wait` it is "
             "reported, and after `ttl` it is ended if a healthy member can take over (`failover`)",
     .allowed = "off, warn, failover"},
    {.name = "primary_race_backoff",
     .type = Type::integer,
     .fallback = "0",
     .what = "seconds for which standbys postpone the leader race while they still receive WAL from the old primary; "
             "useful only with `watchdog.guard: off`, because the guard ends a primary whose leader key has expired",
     .max = 315'360'000},
    {.name = "synchronous_mode",
     .type = Type::word,
     .fallback = "off",
     .what = "`on`, `quorum`: no acknowledged commit is lost in a failover. The daemon then sets "
             "`synchronous_standby_names`, and from PostgreSQL 17 on, with `sync_replication_slots`, also "
             "`synchronized_standby_slots` (unless it is set under `parameters`), so that no reader of a failover slot "
             "is ahead of a standby that may be promoted",
     .allowed = "off, on, quorum"},
    {.name = "synchronous_mode_strict",
     .type = Type::boolean,
     .fallback = "false",
     .what = "while there is no synchronous standby, commits wait"},
    {.name = "synchronous_node_count",
     .type = Type::integer,
     .fallback = "1",
     .what = "number of synchronous standbys",
     .min = 1,
     .max = 1'000},
    {.name = "failsafe_mode",
     .type = Type::boolean,
     .fallback = "false",
     .what = "the primary goes on without etcd while all members agree"},
    {.name = "pause",
     .type = Type::boolean,
     .fallback = "false",
     .what = "the cluster is in maintenance mode: there is no automatic failover"},
    {.name = "member_slots_ttl",
     .type = Type::seconds,
     .fallback = "30min",
     .what = "how long the slot of a member whose key is gone is kept",
     .max = 315'360'000},
    {.name = "slots", .type = Type::mapping, .what = "permanent slots: name -> type, database, plugin, cluster_type"},
    {.name = "permanent_slots", .type = Type::mapping, .what = "older name of `slots`"},
    {.name = "permanent_replication_slots", .type = Type::mapping, .what = "older name of `slots`"},
    {.name = "ignore_slots",
     .type = Type::mapping,
     .what = "slots that are left alone: a list of name, type, database, plugin"},
    {.name = "standby_cluster",
     .type = Type::section,
     .what = "this cluster follows another cluster",
     .keys = standby_cluster_keys},
    {.name = "postgresql",
     .type = Type::section,
     .what = "settings of the server; other keys of the local section `postgresql` may be set here, too, and local "
             "values override them",
     .open = true,
     .keys = dynamic_postgresql_keys},
    {.name = "citus", .type = Type::mapping, .unsupported = not_citus},
});

}  // namespace

constexpr Key dynamic_schema{.type = Type::section, .keys = dynamic_root_keys};

}  // namespace tamada::config
