// Reads the sections of patroni.yml, each into its part of Local.
#pragma once

#include <map>
#include <string>

#include "config/local.h"
#include "config/section.h"

namespace tamada::config {

void read_log(Section section, Log& log);
void read_restapi(Section section, RestApi& restapi);
void read_ctl(const Section& section, Ctl& ctl);
void read_watchdog(const Section& section, Watchdog& watchdog);
void read_notify(Section section, Notify& notify);
void read_etcd(Section& root, Etcd& etcd, Purpose purpose);  // etcd3, or etcd
void read_bootstrap(Section section, Bootstrap& bootstrap);
void read_postgresql(Section section, Postgresql& postgresql, Purpose purpose);

// Sets the defaults of paths and makes relative paths absolute, because servers and scripts run in other folders.
void finish_paths(Postgresql& postgresql, const std::map<std::string, std::string>& environment);

}  // namespace tamada::config
