// The section `postgresql` of patroni.yml.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/sections/credentials.h"
#include "config/sections/method.h"

namespace tamada::config {

// Settings for one role. A setting that is absent here is the same as in every role.
struct RoleConfiguration {
  std::map<std::string, std::string> parameters;             // they override `parameters`
  std::optional<std::vector<std::string>> pg_hba, pg_ident;  // they replace pg_hba and pg_ident
};

struct Postgresql {
  std::vector<std::string> listen_hosts;
  std::string listen_port;
  std::string connect_host, connect_port;
  std::string proxy_address;          // host:port of a connection pool; empty when there is none
  std::string database = "postgres";  // the database that the daemon connects to and that the member's URL names
  std::string data_dir, config_dir, bin_dir, pgpass;
  bool use_unix_socket = false, use_unix_socket_repl = false;
  Credentials superuser, replication, rewind;     // rewind is the superuser if no username is given for it
  std::map<std::string, std::string> parameters;  // of the local file
  std::vector<std::string> pg_hba, pg_ident;      // of the local file
  RoleConfiguration primary, replica, standby_leader;
  std::map<std::string, std::string> bin_name;       // initdb ... -> what it is called here
  std::map<std::string, std::string> callbacks;      // on_start ... -> command line
  std::string before_stop, pre_promote;              // command lines; empty: none
  std::vector<std::string> create_replica_methods;   // in order; empty: basebackup
  std::map<std::string, Method> replica_methods;     // the sections of those that have one
  std::vector<std::string> rewind_options;           // as arguments of pg_rewind
  std::vector<std::string> basebackup_options;       // as arguments: "--checkpoint=fast"
  std::map<std::string, std::string> recovery_conf;  // restore_command and the like
  std::string custom_conf;
  std::optional<bool> use_pg_rewind, remove_data_directory_on_rewind_failure,
      remove_data_directory_on_diverged_timelines;
  // Replaced data are kept until the new copy streams; false: they are removed before the copy begins.
  bool keep_replaced_data = true;
  int pg_ctl_timeout_s = 60;
  // postgres://address/database; empty without an address
  std::string url(const std::string& address) const;
};

}  // namespace tamada::config
