// What a PostgreSQL server can do, by its version number (150002 is 15.2, 90624 is 9.6.24). Version numbers are
// compared only here, and in tables of parameters that have a version in each line. Source: PostgreSQL's release notes,
// appendix E of its documentation. The number 0 means that the version is not known, and counts as older than any
// other. Code for which it should count as the newest asks is_known().
#pragma once

namespace tamada::core::features {

constexpr bool is_known(int version) { return version != 0; }

// wal_level has the value "replica"; earlier versions have "archive" and "hot_standby".
constexpr bool has_wal_level_replica(int version) { return version >= 90600; }

// The view pg_hba_file_rules shows the mistakes in pg_hba.conf.
constexpr bool shows_hba_mistakes(int version) { return version >= 100000; }
// password_encryption knows scram-sha-256.
constexpr bool has_scram(int version) { return version >= 100000; }
// A major version is one number, 10, and not two, 9.6.
constexpr bool has_one_major_number(int version) { return version >= 100000; }

// pg_replication_slot_advance() advances a slot.
constexpr bool advances_slots(int version) { return version >= 110000; }
// The functions that pg_rewind calls on its source can be granted to a role that is not a superuser.
constexpr bool grants_rewind(int version) { return version >= 110000; }

// There is standby.signal, and the parameters of recovery are in postgresql.conf; earlier versions use recovery.conf.
constexpr bool has_standby_signal(int version) { return version >= 120000; }
// libpq knows gssencmode.
constexpr bool has_gssencmode(int version) { return version >= 120000; }

// The parameter is wal_keep_size; earlier versions have wal_keep_segments.
constexpr bool has_wal_keep_size(int version) { return version >= 130000; }
// A reload is enough to change primary_conninfo; earlier versions need a restart.
constexpr bool reloads_primary_conninfo(int version) { return version >= 130000; }
// pg_stat_wal_receiver has the column written_lsn; in earlier versions it is received_lsn.
constexpr bool tells_written_lsn(int version) { return version >= 130000; }
// pg_replication_slots has the column wal_status, and max_slot_wal_keep_size limits what a slot may keep.
constexpr bool tells_wal_status(int version) { return version >= 130000; }
// pg_rewind --restore-target-wal fetches WAL by restore_command.
constexpr bool rewind_restores_wal(int version) { return version >= 130000; }
// libpq knows sslpassword and channel_binding.
constexpr bool has_channel_binding(int version) { return version >= 130000; }

// libpq knows sslcrldir.
constexpr bool has_sslcrldir(int version) { return version >= 140000; }

// The view pg_ident_file_mappings shows the mistakes in pg_ident.conf.
constexpr bool shows_ident_mistakes(int version) { return version >= 150000; }
// pg_rewind has the option --config-file, for a postgresql.conf outside the data directory.
constexpr bool rewind_finds_config_file(int version) { return version >= 150000; }

// A slot can have the property `failover`; PostgreSQL itself copies such a slot to the standbys.
constexpr bool has_failover_slots(int version) { return version >= 170000; }
// libpq knows sslnegotiation.
constexpr bool has_sslnegotiation(int version) { return version >= 170000; }

}  // namespace tamada::core::features
