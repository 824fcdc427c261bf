#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/config.h"

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
  // Without the folder's name, so that expectations can be written down.
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

// Everything that a node must say, and nothing else.
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

// The shape of a file as people keep it.
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
  EXPECT_EQ(pg.replication.password, "8");  // as PyYAML reads 010
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
node.yml:18: log: is text; allowed: a mapping
node.yml:4: restapi.listen: '8008' has no port; allowed: host:port, port 1 to 65535
node.yml:5: restapi.verify_client: 'always' is not one of the words; allowed: none, optional, required
node.yml:7: etcd3.hosts[0]: '10.0.0.1:x' has no port; allowed: host:port, port 1 to 65535
node.yml:7: etcd3.hosts: is missing or empty; allowed: a list of host:port
node.yml:9: postgresql.listen: '10.0.0.1:99999' has no port; allowed: host:port, port 1 to 65535
node.yml:8: postgresql.data_dir: is missing or empty; allowed: a folder
node.yml:10: postgresql.bin_dir: no program postgres in '/nowhere'; allowed: the folder of PostgreSQL's programs, or nothing to look in PATH
node.yml:17: postgresql.authentication.replication.password: is a boolean; allowed: text (put it in quotes)
node.yml:16: postgresql.authentication.replication.username: is missing; allowed: the user that standbys connect as
node.yml:14: postgresql.parameters.shared_buffers: is a list; allowed: text, a number, a boolean
node.yml:12: postgresql.pg_hba: is text; allowed: a list of lines
node.yml:11: postgresql.use_pg_rewind: is not a boolean; allowed: true, false, on, off, yes, no)");
}

TEST_F(LocalFile, WhatIsRequired) {
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
  EXPECT_EQ(warnings_of(std::string(minimal) + "  dtaa_dir: /x\n  before_stop: /x\nscoop: demo\nzzz: 1\nconsul: {}\n"
                                               "bootstrap:\n  method: mine\n  mine: {}\n  users: {}\n"),
            (Lines{"node.yml:19: bootstrap.method: method mine is not supported here; the cluster is made with initdb",
                   "node.yml:21: bootstrap.users: has no effect, as in Patroni since version 4; use post_bootstrap to "
                   "create users",
                   "node.yml:14: postgresql.before_stop: is known to Patroni but not supported here; it has no effect",
                   "node.yml:13: postgresql.dtaa_dir: unknown key; it has no effect. Did you mean data_dir?",
                   "node.yml:17: consul: is known to Patroni but not supported here; it has no effect",
                   "node.yml:15: scoop: unknown key; it has no effect. Did you mean scope?",
                   "node.yml:16: zzz: unknown key; it has no effect"}));
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

TEST_F(LocalFile, EtcdInAllItsForms) {
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

}  // namespace
}  // namespace tamada::config
