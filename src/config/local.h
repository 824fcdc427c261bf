// A node's own configuration: its file, overridden by PATRONI_* variables.
// Source of names, defaults and rules: Patroni's documentation of YAML and environment settings.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/sections/bootstrap.h"
#include "config/sections/ctl.h"
#include "config/sections/etcd.h"
#include "config/sections/log.h"
#include "config/sections/notify.h"
#include "config/sections/postgresql.h"
#include "config/sections/restapi.h"
#include "config/sections/watchdog.h"
#include "core/tags.h"
#include "core/types.h"

namespace tamada::config {

struct Document;
struct Problems;

struct Local {
  std::string file;                          // the file that was read
  std::shared_ptr<const Document> document;  // the file's content, overridden by the environment's variables
  std::string scope, name;
  std::string namespace_ = "/service/";  // begins and ends with a slash
  Log log;
  RestApi restapi;
  Ctl ctl;
  Etcd etcd;
  Bootstrap bootstrap;
  Postgresql postgresql;
  Watchdog watchdog;
  Notify notify;
  core::Tags tags;
  std::string prefix() const { return namespace_ + scope + "/"; }
};

struct Loaded {
  Local local;
  std::vector<std::string> warnings;
};

// What the configuration is read for. The daemon needs a name, addresses and a data directory; tamadactl may need less.
enum class Purpose { daemon, ctl };

// Reads a file, or a folder of *.yml. Variables PATRONI_* override it. Without a file PATRONI_CONFIGURATION is the
// whole configuration, and without both the variables alone are. The error has one line for each mistake:
// `patroni.yml:12: postgresql.listen: ...; allowed: ...`.
core::Result<Loaded> load(const std::string& path, const std::map<std::string, std::string>& environment,
                          Purpose purpose = Purpose::daemon);

// The same as a document, before it is read into a Local; --print shows it. Warnings about variables go to `problems`.
core::Result<Document> read_document(const std::string& path, const std::map<std::string, std::string>& environment,
                                     Problems& problems);

// Reads the document into a node's configuration. All mistakes go to `problems`, and an invalid value counts as absent.
Local read_local(const Document& document, const std::map<std::string, std::string>& environment, Purpose purpose,
                 Problems& problems);

// The keys that differ and take effect only at the daemon's next start, such as "restapi.listen".
std::vector<std::string> changed_for_next_start(const Local& before, const Local& after);

}  // namespace tamada::config
