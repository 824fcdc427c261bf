// What this node's server is configured to be: from the node's file and the cluster's dynamic configuration into files
// and arguments.
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
  awaitable<core::Result<bool>> write_same_role(int server_version);  // leaves a standby's recovery as the file has it
  // For a standby: what it recovers by as it is configured now, too, as soon as this daemon knows whom it follows.
  awaitable<core::Result<bool>> write_standby_again(int server_version);
  // The parameters of recovery (primary_conninfo and so on) that the files have now.
  Parameters written_recovery(int server_version) const;

  // For the first start of what a bootstrap method left: its recovery, and nobody's password asked on this host, as no
  // password of that cluster is known. After it, with the server stopped, end_restored() takes that back.
  awaitable<core::Result<void>> write_restored(config::Method method, int server_version);
  awaitable<core::Result<void>> end_restored();
  // PostgreSQL cannot parse the lines of pg_hba.conf and pg_ident.conf that the configuration asks for. The two files
  // keep their present content until the configuration asks for other lines.
  void refuse_access_files(int server_version, std::string why);
  // The server does not take this value, and would not start with it. Until the configuration asks for another value,
  // `before` counts; without one, the server's default.
  void refuse_parameter(const std::string& name, std::string value, std::optional<std::string> before, std::string why);
  // synchronous_standby_names, where it is ours to manage; write_same_role() brings it into the file.
  void sync_names(std::string names) { sync_names_ = std::move(names); }

  // The signal that PostgreSQL starts by; recovery.conf, before 12, was that too.
  awaitable<core::Result<void>> make_standby(int server_version);
  awaitable<core::Result<void>> make_primary();

  // of_last_primary: what a standby must not undercut; empty for a primary.
  std::vector<std::string> command_line(int server_version, const std::map<std::string, int>& of_last_primary);
  bool raised() const { return raised_; }  // the last command line had to differ from what is configured

  // For the role that was last written. What the server would refuse to start with is left out, with a warning.
  config::ServerConfiguration server(int server_version) const;
  // Names in lower case that the server knows beside those of our own table.
  bool has_unknown_names(int server_version) const;
  void known_to_server(std::set<std::string> names) { known_ = std::move(names); }
  // Whether the files have been written by this daemon for that role, or are being written; after a failure true for a
  // while, too. Not so for a standby when somebody has put settings of recovery into postgresql.auto.conf, which would
  // override ours.
  bool is_current(config::Role role) const;
  // What of the configuration is not in the files, or not as it was written.
  core::Problems problems() const;
  bool has_restore_command(int server_version) const;
  // hot_standby_feedback on, for the sake of logical slots. What the files say at our start holds until we know better:
  // a standby whose feedback ends for a moment lets the primary remove what its copied slots need.
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
  mutable std::vector<std::string> warnings_;  // of the configuration as it is now
  // nullopt: as the file says. They stay while it runs as a standby: should it crash then, and start as the primary
  // that it was, no commit may be acknowledged by fewer; before a promotion they are set anew.
  std::optional<std::string> sync_names_;
  int writing_ = 0;  // of write() that wait for the disk
  bool raised_ = false;
  bool feedback_enforced_ = false;
};

}  // namespace tamada::postgres
