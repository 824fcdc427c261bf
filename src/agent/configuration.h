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
  // Begins with the copy of the dynamic configuration that a former run left in the data directory (empty: there is
  // none), else with bootstrap.dcs.
  Configuration(config::Local local, const std::string& copy);

  const config::Local& local() const { return local_; }
  const config::Json& dynamic() const { return dynamic_; }
  const core::Settings& settings() const { return settings_; }

  // The text of the key /config. True when something changed. A text that is no JSON object changes nothing.
  // Until the first call the cluster counts as not paused, whatever the copy says: pause lets a primary run without the
  // leader key, and it may have ended since the copy was made.
  bool take_dynamic(const std::string& json);
  // The local file was read again. What counts only when the daemon starts stays as it was, with a warning. False when
  // nothing changed.
  bool take_local(config::Local local);
  // The warnings of the last reading of the file. Those that were logged before are not logged again.
  void warnings_of_file(std::vector<std::string> warnings);
  // Which parts of the configuration are not in force as they were written.
  core::Problems problems() const;
  std::string dynamic_json() const;                  // for the key /config
  const std::string& copy() const { return copy_; }  // for the data directory, see kept_files.h

 private:
  void derive();
  void take(config::Json dynamic);

  config::Local file_;   // as the file says
  config::Local local_;  // over the dynamic one
  config::Json dynamic_;
  std::string taken_, copy_;
  core::Duration former_ttl_{};
  bool known_ = false;  // the key /config has been read since the daemon started
  core::Settings settings_;
  std::vector<std::string> file_warnings_, warnings_;
  std::string unusable_;  // why the key /config is ignored; empty if it is not
};

}  // namespace tamada::agent
