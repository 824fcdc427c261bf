// The configuration of this node's server. It is made from the node's file and the cluster's dynamic configuration, and
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

  // Each of these writes the files on the disk's thread, not in the event loop, and returns whether a file changed. The
  // one for a standby also writes the password file for its upstream.
  awaitable<core::Result<bool>> write_primary(int server_version);
  awaitable<core::Result<bool>> write_standby(core::Upstream upstream, int server_version);
  // Leaves a standby's settings of recovery in the file unchanged.
  awaitable<core::Result<bool>> write_same_role(int server_version);
  // For a standby: also writes the settings of recovery by the present configuration, once this daemon knows which
  // server the standby follows.
  awaitable<core::Result<bool>> write_standby_again(int server_version);
  // The parameters of recovery (primary_conninfo and so on) that are in the files now.
  Parameters written_recovery(int server_version) const;

  // For the first start of a cluster that a bootstrap method made: writes the method's settings of recovery, and allows
  // connections from this host without a password, because no password of that cluster is known. end_restored() reverts
  // this when the server has been stopped afterwards.
  awaitable<core::Result<void>> write_restored(config::Method method, int server_version);
  awaitable<core::Result<void>> end_restored();
  // To be called when PostgreSQL cannot parse the configured lines of pg_hba.conf and pg_ident.conf. The two files keep
  // their present content until the configuration has other lines.
  void refuse_access_files(int server_version, std::string why);
  // To be called when the server does not accept the value and would not start with it. Until the configuration has
  // another value, `before` is used; if there is none, the server's default.
  void refuse_parameter(const std::string& name, std::string value, std::optional<std::string> before, std::string why);
  // Sets synchronous_standby_names, if the daemon manages it; write_same_role() writes it to the file.
  void sync_names(std::string names) { sync_names_ = std::move(names); }

  // These create or remove standby.signal or, before PostgreSQL 12, recovery.conf.
  awaitable<core::Result<void>> make_standby(int server_version);
  awaitable<core::Result<void>> make_primary();

  // of_last_primary: values below which a standby must not go; empty for a primary.
  std::vector<std::string> command_line(int server_version, const std::map<std::string, int>& of_last_primary);
  bool raised() const { return raised_; }  // whether the last command line had to differ from the configuration

  // The configuration for the role that was last written. Parameters with which the server would refuse to start are
  // left out, with a warning.
  config::ServerConfiguration server(int server_version) const;
  // Whether the configuration has parameters that our table does not know. Then known_to_server() has to be called with
  // the names that the server knows, in lower case.
  bool has_unknown_names(int server_version) const;
  void known_to_server(std::set<std::string> names) { known_ = std::move(names); }
  // Whether this daemon has written the files for that role, or is writing them; also true for a while after a failure.
  // It is false for a standby if somebody has put settings of recovery into postgresql.auto.conf, which would override
  // ours.
  bool is_current(config::Role role) const;
  // The parts of the configuration that are not in the files, or differ there.
  core::Problems problems() const;
  bool has_restore_command(int server_version) const;
  // Switches hot_standby_feedback on, because logical slots need it. After the daemon's start the value in the files
  // stays until a decision sets it. If the feedback of a standby stopped for a moment, the primary might remove rows
  // that the copied slots need.
  void enforce_feedback(bool on) { feedback_enforced_ = on; }
  bool feedback_enforced() const { return feedback_enforced_; }
  const std::optional<core::Upstream>& following() const { return following_; }

  // Writes a password file with these lines. Returns its path, or "" when there is nothing to write.
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
  std::optional<std::string> restored_hba_;  // the content of pg_hba.conf before write_restored
  config::Role role_ = config::Role::replica;
  std::optional<config::Role> written_for_;
  std::optional<std::chrono::steady_clock::time_point> failed_at_;
  std::set<std::string> known_;
  std::optional<std::pair<std::vector<std::string>, std::vector<std::string>>> refused_access_;
  mutable std::set<std::string> warned_;  // each warning is logged once
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
  // nullopt: the value in the file. The names stay while the server runs as a standby. If it crashed then and started
  // as the primary that it was, no commit could be acknowledged by fewer standbys. They are set anew before a
  // promotion.
  std::optional<std::string> sync_names_;
  int writing_ = 0;  // calls of write() that wait for the disk
  bool raised_ = false;
  bool feedback_enforced_ = false;
};

}  // namespace tamada::postgres
