// The whole configuration of a node: its file, overridden by PATRONI_* variables, over the cluster's dynamic one.
// Source of names, defaults and rules: Patroni's documentation of YAML, environment and dynamic settings.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/yaml.h"
#include "core/settings.h"
#include "core/types.h"

namespace tamada::config {

using Json = nlohmann::ordered_json;

struct Credentials {
  std::string username, password;
  std::string sslmode, sslcert, sslkey, sslpassword, sslrootcert, sslcrl, sslcrldir, sslnegotiation, gssencmode,
      channel_binding;
  std::string krbsrvname;  // Kerberos' name of the service, the same for all users; empty: libpq's
};

struct RestApi {
  std::string listen_host, listen_port;
  std::string connect_address;  // host:port; listen when not given
  std::string certfile, keyfile, keyfile_password, cafile;
  std::string verify_client = "none";  // none, optional, required
  std::string ciphers;                 // OpenSSL's list; empty: its default
  std::string username, password;      // of `authentication`
  // Hosts, addresses and networks that may call what changes something; empty, and no members either: all may.
  std::vector<std::string> allowlist;
  bool allowlist_include_members = false;
  std::vector<std::pair<std::string, std::string>> http_extra_headers;
  std::vector<std::pair<std::string, std::string>> https_extra_headers;  // with TLS: these after those
  int request_queue_size = 5;                                            // backlog of the listening socket
  std::string server_tokens = "original";                                // minimal, productonly, original
  std::string url() const;                                               // http(s)://connect_address/patroni
  // Whoever reaches the port may change the cluster: it is not on the loopback interface alone, and neither a password,
  // nor a certificate, nor an address is asked for.
  bool anyone_may_write() const;
};

// Where the log goes and how a line looks, in the terms of Python's module logging.
struct Log {
  std::string type = "plain";  // plain, json
  std::string level = "INFO";  // DEBUG, INFO, WARNING, ERROR, CRITICAL
  std::string format = "%(asctime)s %(levelname)s: %(message)s";
  std::string dateformat;                                   // of strftime(3); empty: 2026-11-22 22:25:03,017
  std::vector<std::pair<std::string, std::string>> fields;  // of type json, `format` as a list: field -> printed name
  Json static_fields = Json::object();                      // of type json: in every line
  std::map<std::string, std::string> loggers;               // part of the program -> level
  std::string dir;                                          // empty: stdout
  std::optional<int> mode;                                  // of the files; none: as umask gives
  int file_num = 4;
  std::int64_t file_size = 25'000'000;  // bytes
  int max_queue_size = 1000;            // lines that wait to be written
  bool deduplicate_heartbeat_logs = false;
};

struct Watchdog {
  std::string mode = "automatic";  // off, automatic, required
  std::string device = "/dev/watchdog";
  int safety_margin_s = 5;         // -1: half of ttl
  std::string driver = "default";  // default, testing
  bool guard = true;               // not Patroni's: the process that ends a primary whose daemon is frozen
};

// Of the section `ctl`: how the command reaches the REST API.
struct Ctl {
  bool insecure = false;
  std::string cacert, certfile, keyfile, keyfile_password, username, password;
};

struct Etcd {
  std::vector<std::string> endpoints;  // "http://127.0.0.1:2379"
  std::string cacert, cert, key, username, password;
};

// A program of the operator's that makes a cluster (bootstrap.<method>) or a replica (postgresql.<method>).
struct Method {
  std::string name, command;                                   // of the section; the command without arguments
  bool no_params = false;                                      // the command gets no arguments of ours
  std::vector<std::pair<std::string, std::string>> arguments;  // every other key: --key=value
  // Of a bootstrap:
  bool keep_existing_recovery_conf = false;
  std::map<std::string, std::string> recovery_conf;
  // Of a replica:
  bool no_leader = false;  // works without a running leader
  bool keep_data = false;  // leave what is in the data directory
};

struct Bootstrap {
  bool present = false;  // without the section a node waits until another has made the cluster, as Patroni does
  Json dcs;              // the first dynamic configuration
  std::vector<std::string> initdb;  // as arguments: "--encoding=UTF8", "--data-checksums"
  std::vector<std::string> pg_hba;
  std::string post_bootstrap;    // command line; empty: none
  std::optional<Method> method;  // none: initdb
};

// What a node gets in one role only; what is absent is as in every role.
struct RoleConfiguration {
  std::map<std::string, std::string> parameters;             // laid over `parameters`
  std::optional<std::vector<std::string>> pg_hba, pg_ident;  // in place of pg_hba and pg_ident
};

struct Postgresql {
  std::vector<std::string> listen_hosts;
  std::string listen_port;
  std::string connect_host, connect_port;
  std::string proxy_address;          // host:port of a connection pool; empty: none
  std::string database = "postgres";  // that the node connects to, and that its URL names
  std::string data_dir, config_dir, bin_dir, pgpass;
  bool use_unix_socket = false, use_unix_socket_repl = false;
  Credentials superuser, replication, rewind;     // rewind without a username: superuser's
  std::map<std::string, std::string> parameters;  // of the local file
  std::vector<std::string> pg_hba, pg_ident;      // of the local file
  RoleConfiguration primary, replica, standby_leader;
  std::map<std::string, std::string> bin_name;       // initdb ... -> what it is called here
  std::map<std::string, std::string> callbacks;      // on_start ... -> command line
  std::string before_stop, pre_promote;              // command lines; empty: none
  std::vector<std::string> create_replica_methods;   // in order; empty: basebackup
  std::map<std::string, Method> replica_methods;     // the sections of those, except basebackup
  std::vector<std::string> rewind_options;           // as arguments of pg_rewind
  std::vector<std::string> basebackup_options;       // as arguments: "--checkpoint=fast"
  std::map<std::string, std::string> recovery_conf;  // restore_command and the like
  std::string custom_conf;
  std::optional<bool> use_pg_rewind, remove_data_directory_on_rewind_failure,
      remove_data_directory_on_diverged_timelines;
  bool keep_replaced_data = true;  // until the copy that replaces them streams; else they go before it begins
  int pg_ctl_timeout_s = 60;
  // postgres://address/database; without an address nothing
  std::string url(const std::string& address) const;
};

struct Local {
  std::string file;                          // where it came from
  std::shared_ptr<const Document> document;  // as it stood there, under the environment's variables
  std::string scope, name;
  std::string namespace_ = "/service/";  // begins and ends with a slash
  Log log;
  RestApi restapi;
  Ctl ctl;
  Etcd etcd;
  Bootstrap bootstrap;
  Postgresql postgresql;
  Watchdog watchdog;
  core::Tags tags;
  std::string prefix() const { return namespace_ + scope + "/"; }
};

struct Loaded {
  Local local;
  std::vector<std::string> warnings;
};

// The daemon needs a name, addresses and a data directory; the command may do with less.
enum class Purpose { daemon, ctl };

// `path` is a file or a folder of *.yml. Variables PATRONI_* override it. Without a file PATRONI_CONFIGURATION is the
// whole configuration, and without both the variables are.
// A mistake in a file: `patroni.yml:12: postgresql.listen: ...; allowed: ...`, one line per mistake, all of them.
core::Result<Loaded> load(const std::string& path, const std::map<std::string, std::string>& environment,
                          Purpose purpose = Purpose::daemon);

struct Problems;
// The same, unread: what --print shows. Warnings of variables go to `problems`.
core::Result<Document> read_document(const std::string& path, const std::map<std::string, std::string>& environment,
                                     Problems& problems);

// The document as a node's configuration: all mistakes go to `problems`, and what is wrong reads as absent.
Local read_local(const Document& document, const std::map<std::string, std::string>& environment, Purpose purpose,
                 Problems& problems);

// Keys that differ and count only when the daemon starts again: "restapi.listen".
std::vector<std::string> changed_for_next_start(const Local& before, const Local& after);

// ---- the dynamic configuration, as in the key /config

// Text of /config -> object. An error when it is no JSON object.
core::Result<Json> parse_dynamic(const std::string& text);

// `local` with the keys that its section postgresql lacks and the dynamic one has, as in Patroni: callbacks, methods,
// timeouts. Not those that server_configuration and settings merge themselves, nor what only the node can know, such as
// addresses and folders.
Local with_dynamic(const Local& local, const Json& dynamic, std::vector<std::string>* warnings);

// What decisions depend on: defaults, minima and the ttl rule applied (loop_wait + 2*retry_timeout <= ttl, loop_wait
// adjusted first, as Patroni does). `warnings` gets a line per adjustment.
core::Settings settings(const Local& local, const Json& dynamic, std::vector<std::string>* warnings);

enum class Role { primary, replica, standby_leader };

// What is written to the server's files for this node, dynamic and local merged (local wins, except for the parameters
// that must be equal on all nodes, which come from dynamic or their default and go to the command line too).
struct ServerConfiguration {
  std::map<std::string, std::string> parameters;  // everything but the command line's
  std::vector<std::pair<std::string, std::string>>
      command_line;                             // in Patroni's order: listen_addresses, port, cluster_name ...
  std::vector<std::string> pg_hba;              // empty: leave pg_hba.conf alone
  std::vector<std::string> pg_ident;            // empty: leave pg_ident.conf alone
  std::map<std::string, std::string> recovery;  // restore_command and the like, for standbys
  bool use_slots = true;
  std::vector<std::string> warnings;  // what was given and cannot be taken over
  bool keeps_auto_conf = false;       // what a backup tool wrote into postgresql.auto.conf about recovery stays
  bool manages_sync_names = false;    // synchronous_standby_names is the leader's to set, not the operator's
};
ServerConfiguration server_configuration(
    const Local& local, const Json& dynamic, int server_version,
    bool bootstrapping = false,                // then bootstrap.pg_hba counts, if there is no other
    std::optional<Role> role = std::nullopt);  // whose parameters_*, pg_hba_* and pg_ident_* count

}  // namespace tamada::config
