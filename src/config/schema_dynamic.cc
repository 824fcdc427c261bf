// The keys of the dynamic configuration: /config, bootstrap.dcs.
#include <array>

#include "config/schema.h"

namespace tamada::config {
namespace {

constexpr std::int64_t bytes_max = std::int64_t{1} << 50;

constexpr auto dynamic_postgresql_keys = std::to_array<Key>({
    {.name = "parameters",
     .type = Type::parameters,
     .what = "of postgresql.conf on every node; the only place of those that must be equal on all",
     .reload = Reload::server},
    {.name = "pg_hba", .type = Type::lines, .what = "lines of pg_hba.conf on every node"},
    {.name = "pg_ident", .type = Type::lines, .what = "lines of pg_ident.conf on every node"},
    {.name = "recovery_conf",
     .type = Type::parameters,
     .what = "parameters of recovery, for standbys: restore_command, recovery_min_apply_delay ...; not where to "
             "recover to, nor from whom",
     .reload = Reload::server},
    {.name = "use_pg_rewind",
     .type = Type::boolean,
     .fallback = "false",
     .what = "a diverged node is repaired by pg_rewind"},
    {.name = "use_slots", .type = Type::boolean, .fallback = "true", .what = "replication slots are used"},
});

constexpr auto standby_cluster_keys = std::to_array<Key>({
    {.name = "host", .what = "of the primary in the other cluster; several with commas"},
    {.name = "port", .type = Type::hosts, .what = "its port"},
    {.name = "primary_slot_name", .what = "slot there; without it made from the node's name"},
    {.name = "restore_command", .what = "fetches WAL from the other cluster's archive"},
    {.name = "archive_cleanup_command", .what = "of the standby leader"},
    {.name = "recovery_min_apply_delay", .what = "of the standby leader"},
    {.name = "create_replica_methods", .type = Type::lines, .what = "how the standby leader is made"},
});

constexpr std::string_view not_citus = "clusters of Citus are not managed here";

constexpr auto dynamic_root_keys = std::to_array<Key>({
    {.name = "profile",
     .type = Type::word,
     .what = "a set of intervals: `fast` is ttl 4, loop_wait 1, retry_timeout 1 with failsafe_mode; `norm` 30, 10, 10; "
             "`wide` 120, 10, 30. A key of these that is set beside it counts instead of the profile's. Patroni does "
             "not know it",
     .allowed = "fast, norm, wide"},
    {.name = "ttl",
     .type = Type::integer,
     .fallback = "30",
     .what = "seconds that the leader key outlives its leader",
     .min = 3,
     .max = 315'360'000},
    {.name = "loop_wait",
     .type = Type::integer,
     .fallback = "10",
     .what = "seconds between two heartbeats; events are acted on at once, whatever it is",
     .min = 1,
     .max = 315'360'000},
    {.name = "retry_timeout",
     .type = Type::integer,
     .fallback = "10",
     .what =
         "seconds of trouble with etcd or PostgreSQL that cost nothing. A renewal of the lease is two requests, the "
         "second of which proves that a majority of etcd stands behind the answer to the first, and it waits for "
         "what the leader writes at a heartbeat: if each answer takes more than a sixth of `loop_wait` + "
         "`retry_timeout`, the primary may lose its role though none fails",
     .min = 1,
     .max = 315'360'000},
    {.name = "maximum_lag_on_failover",
     .type = Type::integer,
     .fallback = "1048576",
     .what = "bytes that a candidate may be behind",
     .max = bytes_max},
    {.name = "maximum_lag_on_syncnode",
     .type = Type::integer,
     .fallback = "-1",
     .what = "bytes after which a synchronous standby is exchanged for another; 0 or less: never",
     .min = -1,
     .max = bytes_max},
    {.name = "max_timelines_history",
     .type = Type::integer,
     .fallback = "0",
     .what = "timelines that /history keeps; 0: all",
     .max = 1'000'000},
    {.name = "check_timeline",
     .type = Type::boolean,
     .fallback = "false",
     .what = "a candidate on an older timeline than the cluster's is no candidate"},
    {.name = "primary_start_timeout",
     .type = Type::integer,
     .fallback = "300",
     .what = "seconds that a crashed primary has to come up before another takes over; 0: none",
     .max = 315'360'000},
    {.name = "master_start_timeout",
     .type = Type::integer,
     .what = "older name of `primary_start_timeout`",
     .max = 315'360'000},
    {.name = "primary_stop_timeout",
     .type = Type::integer,
     .fallback = "0",
     .what = "seconds that a stopping synchronous primary has before it is killed; 0: no limit",
     .max = 315'360'000},
    {.name = "master_stop_timeout",
     .type = Type::integer,
     .what = "older name of `primary_stop_timeout`",
     .max = 315'360'000},
    {.name = "primary_unresponsive",
     .type = Type::word,
     .fallback = "failover",
     .what = "what becomes of a primary that answers no new connection, as with a hung postmaster: after `loop_wait` "
             "its health checks turn to 503 and `list` tells it (`warn` and `failover`), after `ttl` it is ended, and "
             "another takes over, or it is started again (`failover`); and of one that answers and whose disk ends no "
             "write, so that commits wait: after `loop_wait` it is told, after `ttl` it is ended if a member that is "
             "well can take over (`failover`)",
     .allowed = "off, warn, failover"},
    {.name = "primary_race_backoff",
     .type = Type::integer,
     .fallback = "0",
     .what = "seconds that standbys wait with a race while WAL of the old primary still comes; of use only with "
             "`watchdog.guard: off`, for the guard ends a primary whose leader key has ended",
     .max = 315'360'000},
    {.name = "synchronous_mode",
     .type = Type::word,
     .fallback = "off",
     .what = "no commit is lost in a failover",
     .allowed = "off, on, quorum"},
    {.name = "synchronous_mode_strict",
     .type = Type::boolean,
     .fallback = "false",
     .what = "without a synchronous standby nothing is written"},
    {.name = "synchronous_node_count",
     .type = Type::integer,
     .fallback = "1",
     .what = "synchronous standbys",
     .min = 1,
     .max = 1'000},
    {.name = "failsafe_mode",
     .type = Type::boolean,
     .fallback = "false",
     .what = "the primary goes on without etcd while all members agree"},
    {.name = "pause", .type = Type::boolean, .fallback = "false", .what = "the cluster is in maintenance"},
    {.name = "member_slots_ttl",
     .type = Type::seconds,
     .fallback = "30min",
     .what = "how long the slot of a member that is away is kept",
     .max = 315'360'000},
    {.name = "slots", .type = Type::mapping, .what = "permanent slots: name -> type, database, plugin, cluster_type"},
    {.name = "permanent_slots", .type = Type::mapping, .what = "older name of `slots`"},
    {.name = "permanent_replication_slots", .type = Type::mapping, .what = "older name of `slots`"},
    {.name = "ignore_slots",
     .type = Type::mapping,
     .what = "slots that are left alone: a list of name, type, database, plugin"},
    {.name = "standby_cluster",
     .type = Type::section,
     .what = "this cluster follows another",
     .keys = standby_cluster_keys},
    {.name = "postgresql",
     .type = Type::section,
     .what = "of the server; other keys of the local section of this name count here too, under the local ones",
     .open = true,
     .keys = dynamic_postgresql_keys},
    {.name = "citus", .type = Type::mapping, .unsupported = not_citus},
});

}  // namespace

constexpr Key dynamic_schema{.type = Type::section, .keys = dynamic_root_keys};

}  // namespace tamada::config
