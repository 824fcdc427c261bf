// The configuration of this node's server: made from the node's file and the cluster's dynamic configuration, and
// written to files and command-line arguments.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/local.h"
#include "config/server_configuration.h"
#include "core/postgres_view.h"
#include "net/asio.h"
#include "postgres/configuration_files.h"

namespace tamada::postgres {

using Dynamic = std::function<const config::Json&()>;

class Configuration {
 public:
  Configuration(const config::Local& local, Dynamic dynamic, const Paths& paths);

  // Each writes the files on the disk's thread, not in the event loop, and returns whether one of them changed. The one
  // for a standby also writes the password file for its upstream.
  awaitable<core::Result<bool>> write_primary(int server_version);
  awaitable<core::Result<bool>> write_standby(core::Upstream upstream, int server_version);
  // Leaves a standby's settings of recovery in the file unchanged.
  awaitable<core::Result<bool>> write_same_role(int server_version);
  // For a standby: also writes the settings of recovery as they are configured now, once this daemon knows which server
  // it follows.
  awaitable<core::Result<bool>> write_standby_again(int server_version);
  // The parameters of recovery (primary_conninfo and so on) that the files have now.
  Parameters written_recovery(int server_version) const;

  // For the first start of a cluster that a bootstrap method made: writes the method's settings of recovery, and lets
  // connections from this host in without a password, because no password of that cluster is known. When the server has
  // been stopped afterwards, end_restored() reverts this.
  awaitable<core::Result<void>> write_restored(config::Method method, int server_version);
  awaitable<core::Result<void>> end_restored();
  // PostgreSQL cannot parse the lines of pg_hba.conf and pg_ident.conf that the configuration asks for. The two files
  // keep their present content until the configuration asks for other lines.
  void refuse_access_files(int server_version, std::string why);
  // The server does not take this value, and would not start with it. Until the configuration asks for another value,
  // `before` counts; without one, the server's default.
  void refuse_parameter(const std::string& name, std::string value, std::optional<std::string> before, std::string why);
  // Sets synchronous_standby_names, if the daemon manages it; write_same_role() writes it to the file.
  void sync_names(std::string names) { sync_names_ = std::move(names); }

  // Creates or removes standby.signal; before PostgreSQL 12, recovery.conf.
  awaitable<core::Result<void>> make_standby(int server_version);
  awaitable<core::Result<void>> make_primary();

  // of_last_primary: what a standby must not undercut; empty for a primary.
  std::vector<std::string> command_line(int server_version, const std::map<std::string, int>& of_last_primary);
  bool raised() const { return raised_; }  // the last command line had to differ from what is configured

  // The configuration for the role that was last written. Parameters with which the server would refuse to start are
  // left out, with a warning.
  config::ServerConfiguration server(int server_version) const;
  // Whether the configuration has parameters that our table does not know. known_to_server() then gets the names that
  // the server knows, in lower case.
  bool has_unknown_names(int server_version) const;
  void known_to_server(std::set<std::string> names) { known_ = std::move(names); }
  // Whether the files have been written by this daemon for that role, or are being written; after a failure true for a
  // while, too. Not so for a standby when somebody has put settings of recovery into postgresql.auto.conf, which would
  // override ours.
  bool is_current(config::Role role) const;
  // Which parts of the configuration are not in the files, or differ there.
  core::Problems problems() const;
  bool has_restore_command(int server_version) const;
  // Turns hot_standby_feedback on, because logical slots need it. After the daemon's start the value in the files stays
  // until a decision sets it: if the feedback of a standby stops for a moment, the primary may remove rows that the
  // copied slots need.
  void enforce_feedback(bool on) { feedback_enforced_ = on; }
  bool feedback_enforced() const { return feedback_enforced_; }
  const std::optional<core::Upstream>& following() const { return following_; }

  // A password file with these lines; its path, or "" when there is none to write.
  awaitable<core::Result<std::string>> write_pgpass(std::string path, std::string lines) const;

 private:
  awaitable<core::Result<bool>> write(int server_version, std::optional<std::string> recovery);
  awaitable<core::Result<std::string>> recovery_lines(core::Upstream upstream, int server_version);
  bool is_overridden() const;

  const config::Local& local_;
  Dynamic dynamic_;
  const Paths& paths_;
  config::ServerConfiguration managed(int server_version);
  std::optional<core::Upstream> following_;
  std::optional<std::string> restored_hba_;  // what pg_hba.conf said before write_restored
  config::Role role_ = config::Role::replica;
  std::optional<config::Role> written_for_;
  std::optional<std::chrono::steady_clock::time_point> failed_at_;
  std::set<std::string> known_;
  std::optional<std::pair<std::vector<std::string>, std::vector<std::string>>> refused_access_;
  mutable std::set<std::string> warned_;  // each warning once
  void warn_once(const std::vector<std::string>& warnings) const;
  // When postgresql.auto.conf was last written, and whether it overrides our settings of recovery.
  mutable std::pair<std::int64_t, bool> auto_conf_{-1, false};
  std::string refused_why_;
  struct Refused {
    std::string value;
    std::optional<std::string> before;
    std::string why;
  };
  std::map<std::string, Refused> refused_;
  mutable std::vector<std::string> warnings_;  // of the present configuration
  // nullopt: the file's value. The names stay while the server runs as a standby: if it crashed then and started as the
  // primary that it was, no commit may be acknowledged by fewer standbys. Before a promotion they are set again.
  std::optional<std::string> sync_names_;
  int writing_ = 0;  // calls of write() that wait for the disk
  bool raised_ = false;
  bool feedback_enforced_ = false;
};

}  // namespace tamada::postgres
