// The node's configuration in force: the local file, which takes precedence over the cluster's dynamic configuration.
#pragma once

#include <string>
#include <vector>

#include "config/json.h"
#include "config/local.h"
#include "core/problem.h"
#include "core/settings.h"

namespace tamada::agent {

class Configuration {
 public:
  // Starts with the copy of the dynamic configuration that an earlier run left in the data directory. If `copy` is
  // empty, it starts with bootstrap.dcs.
  Configuration(config::Local local, const std::string& copy);

  const config::Local& local() const { return local_; }
  const config::Json& dynamic() const { return dynamic_; }
  const core::Settings& settings() const { return settings_; }

  // Takes the text of the key /config. Returns true when something changed. A text that is no JSON object changes
  // nothing. Until the first call the cluster counts as not paused, whatever the copy says. In pause a primary may run
  // without the leader key, and the pause may have ended since the copy was made.
  bool take_dynamic(const std::string& json);
  // Takes the local file that was read again. A setting that takes effect only when the daemon starts stays as it was,
  // with a warning. Returns false when nothing changed.
  bool take_local(config::Local local);
  // The warnings of the last reading of the file. Those that were logged before are not logged again.
  void warnings_of_file(std::vector<std::string> warnings);
  // The parts of the configuration that are not in force as they were written.
  core::Problems problems() const;
  std::string dynamic_json() const;                  // for the key /config
  const std::string& copy() const { return copy_; }  // for the data directory, see kept_files.h

 private:
  void derive();
  void take(config::Json dynamic);

  config::Local file_;   // the settings of the file
  config::Local local_;  // the settings of the file, merged with the dynamic configuration
  config::Json dynamic_;
  std::string taken_, copy_;
  core::Duration former_ttl_{};
  bool known_ = false;  // the key /config has been read since the daemon started
  core::Settings settings_;
  std::vector<std::string> file_warnings_, warnings_;
  std::string unusable_;  // why the key /config is ignored; empty when it is in use
};

}  // namespace tamada::agent
