// What this node's server is configured to be: from the node's file and the cluster's dynamic configuration into files
// and arguments.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/postgres_view.h"
#include "postgres/configuration_files.h"

namespace tamada::postgres {

using Dynamic = std::function<const config::Json&()>;

class Configuration {
 public:
  Configuration(const config::Local& local, Dynamic dynamic, const Paths& paths)
      : local_(local), dynamic_(std::move(dynamic)), paths_(paths) {}

  // Each returns whether a file changed. A standby's also writes the password file for its upstream.
  core::Result<bool> write_primary(int server_version);
  core::Result<bool> write_standby(core::Upstream upstream, int server_version);
  core::Result<bool> write_same_role(int server_version);

  // The signal that PostgreSQL starts by; recovery.conf, before 12, was that too.
  core::Result<void> make_standby(int server_version);
  core::Result<void> make_primary();

  // of_last_primary: what a standby must not undercut; empty for a primary.
  std::vector<std::string> command_line(int server_version, const std::map<std::string, int>& of_last_primary);
  bool raised() const { return raised_; }  // the last command line had to differ from what is configured

  std::map<std::string, std::string> wanted_values(int server_version) const;
  config::ServerConfiguration server(int server_version) const {
    return config::server_configuration(local_, dynamic_(), server_version);
  }
  bool has_restore_command(int server_version) const;
  const std::optional<core::Upstream>& following() const { return following_; }

  // A password file with these lines; its path, or "" when there is none to write.
  core::Result<std::string> write_pgpass(const std::string& path, const std::string& lines) const;

 private:
  core::Result<std::string> recovery_lines(const core::Upstream& upstream, int server_version);

  const config::Local& local_;
  Dynamic dynamic_;
  const Paths& paths_;
  std::optional<core::Upstream> following_;
  bool raised_ = false;
};

}  // namespace tamada::postgres
