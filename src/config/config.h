// The whole configuration of a node: its file, overridden by PATRONI_* variables, over the cluster's dynamic one.
// Source of names, defaults and rules: Patroni's documentation of YAML, environment and dynamic settings.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/settings.h"
#include "core/types.h"

namespace tamada::config {

using Json = nlohmann::ordered_json;

struct Credentials {
  std::string username, password;
  std::string sslmode, sslcert, sslkey, sslpassword, sslrootcert, sslcrl, sslcrldir, sslnegotiation, gssencmode,
      channel_binding;
};

struct RestApi {
  std::string listen_host, listen_port;
  std::string connect_address;  // host:port; listen when not given
  std::string certfile, keyfile, keyfile_password, cafile;
  std::string verify_client = "none";
  std::string username, password;  // of `authentication`
  std::string url() const;         // http(s)://connect_address/patroni
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

struct Bootstrap {
  bool present = false;  // without the section a node waits until another has made the cluster, as Patroni does
  Json dcs;              // the first dynamic configuration
  std::vector<std::string> initdb;  // as arguments: "--encoding=UTF8", "--data-checksums"
  std::vector<std::string> pg_hba;
  std::string post_bootstrap;  // command line; empty: none
};

struct Postgresql {
  std::vector<std::string> listen_hosts;
  std::string listen_port;
  std::string connect_host, connect_port;
  std::string data_dir, config_dir, bin_dir, pgpass;
  bool use_unix_socket = false, use_unix_socket_repl = false;
  Credentials superuser, replication, rewind;        // rewind without a username: superuser's
  std::map<std::string, std::string> parameters;     // of the local file
  std::vector<std::string> pg_hba, pg_ident;         // of the local file
  std::map<std::string, std::string> callbacks;      // on_start ... -> command line
  std::vector<std::string> basebackup_options;       // as arguments: "--checkpoint=fast"
  std::map<std::string, std::string> recovery_conf;  // restore_command and the like
  std::string custom_conf;
  std::optional<bool> use_pg_rewind, remove_data_directory_on_rewind_failure,
      remove_data_directory_on_diverged_timelines;
  int pg_ctl_timeout_s = 60;
};

struct Local {
  std::string file;  // where it came from
  std::string scope, name;
  std::string namespace_ = "/service/";  // begins and ends with a slash
  std::string log_level = "INFO";
  RestApi restapi;
  Ctl ctl;
  Etcd etcd;
  Bootstrap bootstrap;
  Postgresql postgresql;
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

// ---- the dynamic configuration, as in the key /config

// Text of /config -> object. An error when it is no JSON object.
core::Result<Json> parse_dynamic(const std::string& text);

// What decisions depend on: defaults, minima and the ttl rule applied (loop_wait + 2*retry_timeout <= ttl, loop_wait
// adjusted first, as Patroni does). `warnings` gets a line per adjustment.
core::Settings settings(const Local& local, const Json& dynamic, std::vector<std::string>* warnings);

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
};
ServerConfiguration server_configuration(
    const Local& local, const Json& dynamic, int server_version,
    bool bootstrapping = false);  // then bootstrap.pg_hba counts, if there is no other

}  // namespace tamada::config
