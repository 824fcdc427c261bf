#include "config/local.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/yaml.h"

namespace tamada::config {
namespace {

namespace fs = std::filesystem;
using Environment = std::map<std::string, std::string>;
using Lines = std::vector<std::string>;

class LocalFile : public testing::Test {
 protected:
  LocalFile() {
    std::string name = (fs::temp_directory_path() / "local_testXXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    fs::create_directory(folder_ / "bin");
    std::ofstream(folder_ / "bin" / "postgres") << "";
  }
  ~LocalFile() override { fs::remove_all(folder_); }

  std::string write(const std::string& text, const std::string& name = "node.yml") {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  // Removes the temporary folder's name, so that the expected texts are constant.
  std::string relative(std::string text) const {
    const std::string prefix = folder_.string() + "/";
    for (auto at = text.find(prefix); at != text.npos; at = text.find(prefix)) text.erase(at, prefix.size());
    return text;
  }
  std::string error_of(const std::string& text, const Environment& environment = {}) {
    const auto loaded = load(write(text), environment);
    return loaded ? "" : relative(loaded.error().what);
  }
  Loaded loaded(const std::string& text, const Environment& environment = {}) {
    auto result = load(write(text), environment);
    if (result) return std::move(*result);
    ADD_FAILURE() << result.error().what;
    return {};
  }
  Lines warnings_of(const std::string& text) {
    Lines warnings = loaded(text).warnings;
    for (auto& line : warnings) line = relative(line);
    return warnings;
  }

  fs::path folder_;
};

// The keys that a node's file must have, and no others.
constexpr const char* minimal = R"(scope: demo
name: n0
restapi:
  listen: 127.0.0.1:8008
etcd3:
  hosts: 127.0.0.1:2379
postgresql:
  listen: 127.0.0.1:5432
  data_dir: /data/n0
  authentication:
    replication:
      username: replicator
)";

// A complete file as operators write it.
constexpr const char* full = R"(# Node zero of the cluster in the example.
scope: &cluster batumi
namespace: //svc//
name: node0

log:
  level: warn

restapi:
  listen: 0.0.0.0:8008
  connect_address: 10.0.0.1:8008
  certfile: /tls/rest.crt
  keyfile: /tls/rest.key
  cafile: /tls/ca.crt
  verify_client: optional
  authentication:
    username: admin
    password: 12345

ctl:
  insecure: on
  cacert: /tls/ca.crt
  authentication: {username: operator, password: secret}

etcd3:
  hosts:
  - 10.0.0.1:2379
  - "[fd00::2]:2379"
  - etcd3.example.org
  protocol: https
  cacert: /tls/etcd-ca.crt
  cert: /tls/etcd.crt
  key: /tls/etcd.key
  username: batumi
  password: pw

bootstrap:
  dcs:
    ttl: 30
    loop_wait: 10
    postgresql:
      use_pg_rewind: true
      parameters:
        wal_log_hints: 'on'
  initdb:
  - encoding: UTF8
  - locale: "'C.UTF-8'"
  - data-checksums
  - auth-host: scram-sha-256
  - pgdata: /elsewhere
  pg_hba:
  - host replication replicator 10.0.0.0/8 scram-sha-256
  - host all all 0.0.0.0/0 scram-sha-256
  post_init: /usr/local/bin/after-init --now

postgresql:
  listen: 10.0.0.1,[::1], localhost:5433
  connect_address: 10.0.0.1:5433
  data_dir: /data/node0/
  bin_dir: BIN
  pgpass: /run/pgpass0
  use_unix_socket: yes
  pg_ctl_timeout: 120
  use_pg_rewind: true
  remove_data_directory_on_diverged_timelines: 'on'
  custom_conf: /etc/custom.conf
  authentication:
    superuser: {username: postgres, password: super, sslmode: verify-ca, sslrootcert: /tls/ca.crt}
    replication: {username: replicator, password: 010}
    rewind:
      username: rewinder
      password: rew
  parameters:
    unix_socket_directories: /run/postgresql
    ssl: on
    archive_timeout: 1800
    checkpoint_completion_target: 0.9
    TimeZone: UTC
  recovery_conf:
    restore_command: cp /archive/%f %p
  pg_hba:
  - local all all peer
  pg_ident:
  - map sys pg
  basebackup:
    checkpoint: fast
    max-rate: 100M
  callbacks:
    on_start: /cb.sh
    on_role_change: /cb.sh role

watchdog:
  mode: off

tags:
  nofailover: 'false'
  clonefrom: true
  noloadbalance: false
  failover_priority: 2
  zone: *cluster
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

TEST_F(LocalFile, FullRestApiEtcdAndNames) {
  const auto [local, warnings] = loaded(replaced(full, "BIN", (folder_ / "bin").string()));
  EXPECT_EQ(local.prefix(), "/svc/batumi/");
  EXPECT_EQ(local.name, "node0");
  EXPECT_EQ(local.log.level, "WARNING");
  EXPECT_EQ(local.restapi.listen_host, "0.0.0.0");
  EXPECT_EQ(local.restapi.listen_port, "8008");
  EXPECT_EQ(local.restapi.url(), "https://10.0.0.1:8008/patroni");
  EXPECT_EQ(local.restapi.verify_client, "optional");
  EXPECT_EQ(local.restapi.password, "12345");
  EXPECT_TRUE(local.ctl.insecure);
  EXPECT_EQ(local.ctl.username, "operator");
  EXPECT_EQ(local.etcd.endpoints,
            (Lines{"https://10.0.0.1:2379", "https://[fd00::2]:2379", "https://etcd3.example.org:2379"}));
  EXPECT_EQ(local.etcd.cacert, "/tls/etcd-ca.crt");
  EXPECT_EQ(local.etcd.username, "batumi");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(relative(warnings[0]),
            "node.yml:50: bootstrap.initdb[4]: option pgdata is not allowed here and is left out");
}

TEST_F(LocalFile, FullBootstrapAndPostgresql) {
  const auto local = loaded(replaced(full, "BIN", (folder_ / "bin").string())).local;
  EXPECT_TRUE(local.bootstrap.present);
  EXPECT_EQ(local.bootstrap.dcs.dump(), R"({"ttl":30,"loop_wait":10,"postgresql":{"use_pg_rewind":true,)"
                                        R"("parameters":{"wal_log_hints":"on"}}})");
  EXPECT_EQ(local.bootstrap.initdb,
            (Lines{"--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--auth-host=scram-sha-256"}));
  EXPECT_EQ(local.bootstrap.pg_hba.size(), 2u);
  EXPECT_EQ(local.bootstrap.post_bootstrap, "/usr/local/bin/after-init --now");
  const auto& pg = local.postgresql;
  EXPECT_EQ(pg.listen_hosts, (Lines{"10.0.0.1", "::1", "localhost"}));
  EXPECT_EQ(pg.listen_port, "5433");
  EXPECT_EQ(pg.connect_host + " " + pg.connect_port, "10.0.0.1 5433");
  EXPECT_EQ(pg.data_dir, "/data/node0");
  EXPECT_EQ(pg.config_dir, "/data/node0");
  EXPECT_EQ(pg.pgpass, "/run/pgpass0");
  EXPECT_TRUE(pg.use_unix_socket);
  EXPECT_FALSE(pg.use_unix_socket_repl);
  EXPECT_EQ(pg.pg_ctl_timeout_s, 120);
  EXPECT_EQ(pg.use_pg_rewind, true);
  EXPECT_EQ(pg.remove_data_directory_on_diverged_timelines, true);
  EXPECT_EQ(pg.remove_data_directory_on_rewind_failure, std::nullopt);
  EXPECT_EQ(pg.superuser.sslmode, "verify-ca");
  EXPECT_EQ(pg.replication.password, "8");  // PyYAML reads 010 as an octal number
  EXPECT_EQ(pg.rewind.username, "rewinder");
  EXPECT_EQ(pg.parameters, (Environment{{"TimeZone", "UTC"},
                                        {"archive_timeout", "1800"},
                                        {"ssl", "on"},
                                        {"checkpoint_completion_target", "0.9"},
                                        {"unix_socket_directories", "/run/postgresql"}}));
  EXPECT_EQ(pg.recovery_conf, (Environment{{"restore_command", "cp /archive/%f %p"}}));
  EXPECT_EQ(pg.pg_hba, Lines{"local all all peer"});
  EXPECT_EQ(pg.pg_ident, Lines{"map sys pg"});
  EXPECT_EQ(pg.basebackup_options, (Lines{"--checkpoint=fast", "--max-rate=100M"}));
  EXPECT_EQ(pg.callbacks.at("on_role_change"), "/cb.sh role");
  EXPECT_EQ(local.tags.failover_priority, 2);
  EXPECT_FALSE(local.tags.nofailover);
  const std::vector<std::pair<std::string, std::string>> published = {
      {"nofailover", "\"false\""}, {"clonefrom", "true"}, {"failover_priority", "2"}, {"zone", "\"batumi\""}};
  EXPECT_EQ(local.tags.published, published);
}

TEST_F(LocalFile, KnowsWhetherAnyoneMayUseTheRestApi) {
  const auto open = [&](const std::string& section) {
    return loaded(replaced(minimal, "restapi:\n  listen: 127.0.0.1:8008", section)).local.restapi.anyone_may_write();
  };
  EXPECT_TRUE(open("restapi: {listen: 10.0.0.1:8008}"));
  EXPECT_TRUE(open("restapi: {listen: '0.0.0.0:8008', connect_address: '10.0.0.1:8008'}"));
  for (const auto* closed :
       {"listen: '[::1]:8008'", "listen: 127.0.0.2:8008", "listen: localhost:8008",
        "listen: 10.0.0.1:8008, authentication: {username: a, password: b}",
        "listen: 10.0.0.1:8008, certfile: /c, cafile: /a, verify_client: optional",
        "listen: 10.0.0.1:8008, allowlist: [10.0.0.0/8]", "listen: 10.0.0.1:8008, allowlist_include_members: true"})
    EXPECT_FALSE(open(std::string("restapi: {") + closed + "}")) << closed;
}

TEST_F(LocalFile, MinimalAndItsDefaults) {
  const auto [local, warnings] = loaded(minimal, {{"HOME", "/home/pg"}});
  EXPECT_TRUE(warnings.empty()) << warnings[0];
  EXPECT_EQ(local.prefix(), "/service/demo/");
  EXPECT_EQ(local.restapi.url(), "http://127.0.0.1:8008/patroni");
  EXPECT_EQ(local.etcd.endpoints, Lines{"http://127.0.0.1:2379"});
  EXPECT_EQ(local.postgresql.connect_host, "localhost");
  EXPECT_EQ(local.postgresql.pgpass, "/home/pg/pgpass");
  EXPECT_FALSE(local.bootstrap.present);
  EXPECT_TRUE(local.bootstrap.dcs.is_null());
}

TEST_F(LocalFile, EveryMistakeAtOnce) {
  EXPECT_EQ(error_of(R"(scope: demo
name: ''
restapi:
  listen: 8008
  verify_client: always
etcd3:
  hosts: [10.0.0.1:x]
postgresql:
  listen: 10.0.0.1:99999
  bin_dir: /nowhere
  use_pg_rewind: perhaps
  pg_hba: local all all trust
  parameters:
    shared_buffers: [1]
  authentication:
    replication:
      password: yes
log: loud
)"),
            R"(node.yml:2: name: is missing or empty; allowed: a name that no other node of the cluster has
node.yml:4: restapi.listen: '8008' has no port; allowed: host:port, port 1 to 65535
node.yml:5: restapi.verify_client: 'always' is not one of the words; allowed: none, optional, required
node.yml:7: etcd3.hosts[0]: '10.0.0.1:x' has no port; allowed: host:port, port 1 to 65535
node.yml:7: etcd3.hosts: is missing or empty; allowed: a list of host:port
node.yml:8: postgresql.data_dir: is missing or empty; allowed: a folder
node.yml:9: postgresql.listen: '10.0.0.1:99999' has no port; allowed: host:port, port 1 to 65535
node.yml:10: postgresql.bin_dir: no program postgres in '/nowhere'; allowed: the folder of PostgreSQL's programs, or nothing to look in PATH
node.yml:11: postgresql.use_pg_rewind: is not a boolean; allowed: true, false, on, off, yes, no
node.yml:12: postgresql.pg_hba: is text; allowed: a list of lines
node.yml:14: postgresql.parameters.shared_buffers: is a list; allowed: text, a number, a boolean
node.yml:16: postgresql.authentication.replication.username: is missing; allowed: the user that standbys connect as
node.yml:17: postgresql.authentication.replication.password: is a boolean; allowed: text (put it in quotes)
node.yml:18: log: is text; allowed: a mapping)");
}

TEST_F(LocalFile, RequiredKeys) {
  const std::pair<const char*, const char*> cases[] = {
      {"scope: demo\n", "scope: is missing"},
      {"name: n0\n", "name: is missing"},
      {"  listen: 127.0.0.1:8008\n", "restapi.listen: is missing"},
      {"  hosts: 127.0.0.1:2379\n", "etcd3.hosts: is missing"},
      {"  listen: 127.0.0.1:5432\n", "postgresql.listen: is missing"},
      {"  data_dir: /data/n0\n", "postgresql.data_dir: is missing"},
  };
  for (const auto& [line, error] : cases) {
    const auto text = error_of(replaced(minimal, line, ""));
    EXPECT_TRUE(text.contains(error)) << line << text;
    EXPECT_EQ(std::ranges::count(text, '\n'), 0) << text;
  }
  EXPECT_TRUE(error_of(replaced(minimal, "name: n0", "name: __patroni_strict_sync_replica_placeholder__"))
                  .contains("reserved"));
  EXPECT_TRUE(error_of(replaced(minimal, "name: n0", "name: a/b")).contains("slash"));
}

TEST_F(LocalFile, WarningsNameTheNearestKey) {
  const std::string text = std::string(minimal) +
                           "  dtaa_dir: /x\n  use_slots: on\nscoop: demo\nzzz: 1\nconsul: {}\n"
                           "bootstrap:\n  method: mine\n  mine: {}\n  users: {}\n"
                           "  dcs: {tll: 5, pause: maybe}\n";
  const std::string elsewhere = "has no effect: it is set for all nodes at once, in the dynamic configuration";
  const std::string not_by_patroni = "has no effect: as in Patroni since version 4; create users in post_bootstrap";
  EXPECT_EQ(warnings_of(text),
            (Lines{"node.yml:13: postgresql.dtaa_dir: unknown key; it has no effect. Did you mean data_dir?",
                   "node.yml:14: postgresql.use_slots: " + elsewhere,
                   "node.yml:15: scoop: unknown key; it has no effect. Did you mean scope?",
                   "node.yml:16: zzz: unknown key; it has no effect",
                   "node.yml:17: consul: has no effect: etcd is the only store here: use the section etcd3",
                   "node.yml:19: bootstrap.method: no section mine with a command stands beside it; initdb is used",
                   "node.yml:20: bootstrap.mine: unknown key; it has no effect",
                   "node.yml:21: bootstrap.users: " + not_by_patroni,
                   "node.yml:22: bootstrap.dcs.pause: is not a boolean; allowed: true, false, on, off, yes, no",
                   "node.yml:22: bootstrap.dcs.tll: unknown key; it has no effect. Did you mean ttl?"}));
}

TEST_F(LocalFile, MethodsAndRoles) {
  const auto local = loaded(std::string(minimal) + R"(  bin_name: {initdb: initdb15, pg_ctl: pg_ctl15}
  create_replica_methods: [wal_e, basebackup]
  for_standby_clusters: {command: /other}
  wal_e: {command: /wal_e.sh, no_leader: 1, no_params: yes, keep_data: true, envdir: /etc/wal_e, retries: 3}
  rewind: [debug, {sync-method: fsync}]
  parameters_primary: {archive_mode: on}
  pg_hba_replica: [local all all trust]
  pg_ctl_timeout: 2min
bootstrap:
  method: restore
  restore:
    command: /restore.sh
    keep_existing_recovery_conf: true
    recovery_conf: {recovery_target_action: promote}
    stage: 1
)")
                         .local;
  const auto& pg = local.postgresql;
  EXPECT_EQ(pg.bin_name, (Environment{{"initdb", "initdb15"}}));
  EXPECT_EQ(pg.create_replica_methods, (Lines{"wal_e", "basebackup"}));
  const auto& wal_e = pg.replica_methods.at("wal_e");
  EXPECT_EQ(pg.replica_methods.at("for_standby_clusters").command,
            "/other");  // the configuration in the DCS may name it
  EXPECT_EQ(wal_e.command, "/wal_e.sh");
  EXPECT_TRUE(wal_e.no_leader && wal_e.no_params && wal_e.keep_data);
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(wal_e.arguments, (Pairs{{"envdir", "/etc/wal_e"}, {"retries", "3"}}));
  EXPECT_EQ(pg.rewind_options, (Lines{"--debug", "--sync-method=fsync"}));
  EXPECT_EQ(pg.primary.parameters, (Environment{{"archive_mode", "on"}}));
  EXPECT_EQ(pg.replica.pg_hba, Lines{"local all all trust"});
  EXPECT_FALSE(pg.primary.pg_hba || pg.replica.pg_ident);
  EXPECT_EQ(pg.pg_ctl_timeout_s, 120);
  ASSERT_TRUE(local.bootstrap.method);
  EXPECT_EQ(local.bootstrap.method->command, "/restore.sh");
  EXPECT_TRUE(local.bootstrap.method->keep_existing_recovery_conf);
  EXPECT_EQ(local.bootstrap.method->recovery_conf, (Environment{{"recovery_target_action", "promote"}}));
  EXPECT_EQ(local.bootstrap.method->arguments, (Pairs{{"stage", "1"}}));
}

TEST_F(LocalFile, LogWatchdogAndTheirDefaults) {
  const auto defaults = loaded(minimal).local;
  EXPECT_EQ(defaults.log.format, "%(asctime)s %(levelname)s: %(message)s");
  EXPECT_EQ(defaults.log.file_size, 25'000'000);
  EXPECT_EQ(defaults.log.file_num, 4);
  EXPECT_FALSE(defaults.log.mode);
  EXPECT_EQ(defaults.watchdog.mode, "automatic");
  EXPECT_EQ(defaults.watchdog.safety_margin_s, 5);
  EXPECT_TRUE(defaults.watchdog.guard);
  EXPECT_EQ(defaults.restapi.request_queue_size, 5);
  EXPECT_EQ(defaults.restapi.server_tokens, "original");
  EXPECT_EQ(defaults.postgresql.pg_ctl_timeout_s, 60);
  const auto local = loaded(std::string(minimal) + R"(log:
  type: json
  format: [message, asctime: '@timestamp']
  static_fields: {app: patroni}
  mode: 0640
  file_num: '7'
  loggers: {patroni.postgres: warn}
watchdog: {mode: off, safety_margin: -1, guard: off}
)")
                         .local;
  EXPECT_EQ(local.log.type, "json");
  const std::vector<std::pair<std::string, std::string>> fields = {{"message", "message"}, {"asctime", "@timestamp"}};
  EXPECT_EQ(local.log.fields, fields);
  EXPECT_EQ(local.log.static_fields.dump(), R"({"app":"patroni"})");
  EXPECT_EQ(local.log.mode, 0640);
  EXPECT_EQ(local.log.file_num, 7);
  EXPECT_EQ(local.log.loggers.at("patroni.postgres"), "WARNING");
  EXPECT_EQ(local.watchdog.mode, "off");
  EXPECT_EQ(local.watchdog.safety_margin_s, -1);
  EXPECT_FALSE(local.watchdog.guard);
}

TEST_F(LocalFile, ValuesThatDoNotFit) {
  const std::pair<const char*, const char*> cases[] = {
      {"log: {level: loud}",
       "log.level: 'loud' is not one of the words; allowed: DEBUG, INFO, WARNING, ERROR, CRITICAL"},
      {"log: {type: xml}", "log.type: 'xml' is not one of the words; allowed: plain, json"},
      {"log: {mode: 01000}", "log.mode: 512 does not fit; allowed: a whole number from 0 to 511"},
      {"log: {format: '%(nobody)s'}", "log.format: %(nobody) is no field; allowed: asctime, created, "},
      {"log: {format: [message]}", "log.format: is a list; allowed: a list only for type json"},
      {"log: {loggers: {a: b}}", "log.loggers.a: 'b' is no level; allowed: DEBUG"},
      {"log: {format: {a: b}}", "log.format: is a mapping; allowed: text, or for type json a list of field names"},
      {"watchdog: {mode: perhaps}",
       "watchdog.mode: 'perhaps' is not one of the words; allowed: off, automatic, required, auto"},
      {"watchdog: {safety_margin: -2}", "watchdog.safety_margin: -2 does not fit; allowed: a whole number from -1 to"},
      {"tags: [a]", "tags: is a list; allowed: a mapping"},
      {"bootstrap: {dcs: 5}", "bootstrap.dcs: is a number; allowed: the dynamic configuration"},
      {"bootstrap: {initdb: 5}", "bootstrap.initdb: is a number; allowed: a list of options"},
      {"bootstrap: {initdb: [[]]}", "bootstrap.initdb[0]: is a list; allowed: text, or a mapping of one key"},
      {"bootstrap: {pg_hba: [[]]}", "bootstrap.pg_hba[0]: is a list; allowed: text"},
      {"ctl: {insecure: 7}", "ctl.insecure: is not a boolean; allowed: true, false, on, off, yes, no"},
  };
  for (const auto& [text, error] : cases) {
    const auto got = error_of(minimal + std::string(text) + "\n");
    EXPECT_TRUE(got.starts_with(std::string("node.yml:13: ") + error)) << text << "\n" << got;
  }
}

TEST_F(LocalFile, ContradictoryTags) {
  const std::pair<const char*, Lines> cases[] = {
      {"tags: {nofailover: true, failover_priority: 1}",
       {"Conflicting configuration between nofailover: True and failover_priority: 1. Defaulting to nofailover: True"}},
      {"tags: {nosync: off, sync_priority: '0'}",
       {"Conflicting configuration between nosync: False and sync_priority: 0. Defaulting to nosync: False"}},
      {"tags: {nofailover: true, failover_priority: 0}", {}},
      {"tags: {nofailover: false, failover_priority: 5}", {}},
      {"tags: {failover_priority: 0, nosync: true}", {}},
      {"tags: {nofailover: 'true'}", {}},
  };
  for (const auto& [tags, warnings] : cases)
    EXPECT_EQ(warnings_of(minimal + std::string(tags) + "\n"), warnings) << tags;
}

TEST_F(LocalFile, EveryFormOfTheSectionEtcd) {
  const std::pair<const char*, Lines> cases[] = {
      {"etcd3: {hosts: 'a:1, b:2,[::1]:3'}", {"http://a:1", "http://b:2", "http://[::1]:3"}},
      {"etcd3: {hosts: [a, 'b:2'], port: 9}", {"http://a:9", "http://b:2"}},
      {"etcd3: {host: a}", {"http://a:2379"}},
      {"etcd3: {host: 'a:1', protocol: https}", {"https://a:1"}},
      {"etcd3: {url: 'https://u:p%40@a:1/', hosts: b}", {"https://a:1"}},
      {"etcd3: {proxy: 'http://a'}", {"http://a:2379"}},
      {"etcd3: {hosts: ['http://a:1', 'https://b']}", {"http://a:1", "https://b:2379"}},
      {"etcd: {host: 'a:1'}", {"http://a:1"}},
      {"{etcd: {host: 'a:1'}, etcd3: {host: 'b:1'}}", {"http://b:1"}},
  };
  for (const auto& [etcd, endpoints] : cases) {
    std::string section = etcd;
    if (section.starts_with('{')) section = "etcd: {host: 'a:1'}\netcd3: {host: 'b:1'}";
    const auto local = loaded(replaced(minimal, "etcd3:\n  hosts: 127.0.0.1:2379", section)).local;
    EXPECT_EQ(local.etcd.endpoints, endpoints) << etcd;
    if (section.contains("u:p")) EXPECT_EQ(local.etcd.username + " " + local.etcd.password, "u p@");
  }
}

TEST_F(LocalFile, TheEnvironmentWins) {
  const auto local = loaded(minimal, {{"PATRONI_NAME", "n9"},
                                      {"PATRONI_SCOPE", ""},
                                      {"PATRONI_NAMESPACE", "x"},
                                      {"PATRONI_RESTAPI_LISTEN", "h:1"},
                                      {"PATRONI_RESTAPI_USERNAME", "u"},
                                      {"PATRONI_ETCD3_HOSTS", "'a:1','b:2'"},
                                      {"PATRONI_POSTGRESQL_LISTEN", "*:7"},
                                      {"PATRONI_SUPERUSER_USERNAME", "root"},
                                      {"PATRONI_REPLICATION_SSLMODE", "require"},
                                      {"PATRONI_POSTGRESQL_CONNECT_ADDRESS", "h:8"},
                                      {"PATRONI_LOGLEVEL", "DEBUG"},
                                      {"PATRONI_CONFIGURATION", "scope: other"}})
                         .local;
  EXPECT_EQ(local.name, "n9");
  EXPECT_EQ(local.prefix(), "/x/demo/");
  EXPECT_EQ(local.restapi.listen_host, "h");
  EXPECT_EQ(local.restapi.username, "u");
  EXPECT_EQ(local.etcd.endpoints, (Lines{"http://a:1", "http://b:2"}));
  EXPECT_EQ(local.postgresql.listen_hosts, Lines{"*"});
  EXPECT_EQ(local.postgresql.connect_port, "8");
  EXPECT_EQ(local.postgresql.superuser.username, "root");
  EXPECT_EQ(local.postgresql.rewind.username, "root");
  EXPECT_EQ(local.postgresql.replication.username, "replicator");
  EXPECT_EQ(local.postgresql.replication.sslmode, "require");
  EXPECT_EQ(local.log.level, "DEBUG");
  EXPECT_EQ(error_of(minimal, {{"PATRONI_RESTAPI_LISTEN", "nowhere"}}),
            "PATRONI_RESTAPI_LISTEN: restapi.listen: 'nowhere' has no port; allowed: host:port, port 1 to 65535");
}

TEST_F(LocalFile, VariablesOfListsAndMappings) {
  const auto [local, warnings] = loaded(minimal, {{"PATRONI_RESTAPI_ALLOWLIST", "10.0.0.0/8, 'h'"},
                                                  {"PATRONI_RESTAPI_HTTP_EXTRA_HEADERS", "X-A: b, X-C: 1"},
                                                  {"PATRONI_RESTAPI_REQUEST_QUEUE_SIZE", "9"},
                                                  {"PATRONI_LOG_LOGGERS", "{patroni: ERROR}"},
                                                  {"PATRONI_LOGFORMAT", "%(message)s"},
                                                  {"PATRONI_LOG_MODE", "0600"},
                                                  {"PATRONI_POSTGRESQL_BIN_POSTGRES", "postgres15"},
                                                  {"PATRONI_CTL_INSECURE", "on"},
                                                  {"PATRONI_REWIND_CHANNEL_BINDING", "require"},
                                                  {"PATRONI_CONSUL_HOST", "h"},
                                                  {"PATRONI_SCOOP", "x"}});
  EXPECT_EQ(local.restapi.allowlist, (Lines{"10.0.0.0/8", "h"}));
  const std::vector<std::pair<std::string, std::string>> headers = {{"X-A", "b"}, {"X-C", "1"}};
  EXPECT_EQ(local.restapi.http_extra_headers, headers);
  EXPECT_EQ(local.restapi.request_queue_size, 9);
  EXPECT_EQ(local.log.loggers.at("patroni"), "ERROR");
  EXPECT_EQ(local.log.format, "%(message)s");
  EXPECT_EQ(local.log.mode, 0600);
  EXPECT_EQ(local.postgresql.bin_name.at("postgres"), "postgres15");
  EXPECT_TRUE(local.ctl.insecure);
  EXPECT_EQ(warnings, (Lines{"PATRONI_CONSUL_HOST: has no effect: etcd is the only store here: use the section etcd3",
                             "PATRONI_SCOOP: unknown variable; it has no effect. Did you mean PATRONI_SCOPE?"}));
}

TEST_F(LocalFile, WithoutAFile) {
  const auto missing = (folder_ / "none.yml").string();
  const auto whole = load(missing, {{"PATRONI_CONFIGURATION", minimal}, {"PATRONI_NAME", "other"}});
  ASSERT_TRUE(whole) << whole.error().what;
  EXPECT_EQ(whole->local.name, "n0");
  const auto ctl = load("", {{"PATRONI_SCOPE", "s"}, {"PATRONI_ETCD3_HOST", "a:1"}}, Purpose::ctl);
  ASSERT_TRUE(ctl) << ctl.error().what;
  EXPECT_EQ(ctl->local.etcd.endpoints, Lines{"http://a:1"});
  EXPECT_EQ(relative(load(missing, {}).error().what), "none.yml: no such file or folder");
  EXPECT_TRUE(load("", {}).error().what.contains("scope: is missing"));
}

TEST_F(LocalFile, AFolderIsReadInOrder) {
  write(minimal, "10.yml");
  write("name: later\nrestapi:\n  connect_address: h:1\n", "20.yaml");
  write("name: never\n", "30.txt");
  const auto loaded = load(folder_.string(), {});
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->local.name, "later");
  EXPECT_EQ(loaded->local.restapi.listen_port, "8008");
  EXPECT_EQ(loaded->local.restapi.connect_address, "h:1");
  write("name: [", "40.yml");
  EXPECT_TRUE(relative(load(folder_.string(), {}).error().what).starts_with("40.yml:"));
}

TEST_F(LocalFile, NotAMapping) {
  EXPECT_EQ(error_of("- a\n"), "node.yml:1: is no mapping; allowed: keys such as scope, name, restapi");
  EXPECT_EQ(error_of(""), "node.yml:1: is no mapping; allowed: keys such as scope, name, restapi");
}

TEST_F(LocalFile, OlderNamesAndTheLog) {
  std::string text = minimal;
  text += "log: {max_queue_size: 77, deduplicate_heartbeat_logs: on}\n";
  const auto at = text.find("postgresql:\n") + 12;
  text.insert(at, "  create_replica_method: [wal_e]\n  wal_e: {command: fetch}\n");
  const auto local = loaded(text).local;
  EXPECT_EQ(local.postgresql.create_replica_methods, Lines{"wal_e"});
  EXPECT_EQ(local.log.max_queue_size, 77);
  EXPECT_TRUE(local.log.deduplicate_heartbeat_logs);
}

TEST_F(LocalFile, Notifications) {
  const std::string text = minimal;
  const auto given = loaded(text + R"(notify:
  command: [/usr/local/bin/page, "--to", dba]
  webhook: https://chat.example/hooks/1?x=y
  authorization: Bearer word
  cacert: /tls/chat.crt
  timeout: 5
  repeat_after: 10min
)")
                         .local.notify;
  EXPECT_EQ(given.command, (Lines{"/usr/local/bin/page", "--to", "dba"}));
  EXPECT_EQ(given.webhook, "https://chat.example/hooks/1?x=y");
  EXPECT_EQ(given.authorization, "Bearer word");
  EXPECT_EQ(given.cacert, "/tls/chat.crt");
  EXPECT_EQ(given.timeout_s, 5);
  EXPECT_EQ(given.repeat_after_s, 600);
  const auto nobody = loaded(text).local.notify;
  EXPECT_TRUE(nobody.command.empty() && nobody.webhook.empty());
  EXPECT_EQ(nobody.timeout_s, 10);
  EXPECT_EQ(nobody.repeat_after_s, 60);
  for (const char* wrong : {"webhook: chat.example/geheim", "webhook: http://me:geheim@chat.example/", "timeout: 0",
                            "webhook: {}", "command: /usr/bin/page", R"(authorization: "geheim\r\nHost: x")"}) {
    const auto said = error_of(text + "notify:\n  " + wrong + "\n");
    EXPECT_TRUE(said.starts_with("node.yml:")) << wrong << ": " << said;
    EXPECT_FALSE(said.contains("geheim")) << said;
  }
}

}  // namespace
}  // namespace tamada::config
