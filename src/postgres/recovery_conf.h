// The file recovery.conf, which servers before PostgreSQL 12 read only when they start.
#pragma once

#include <map>
#include <string>

#include "postgres/configuration_files.h"

namespace tamada::postgres {

class RecoveryConf {
 public:
  explicit RecoveryConf(const Paths& paths) : paths_(paths) {}

  // To be called when this postmaster has just been started.
  void read_by(int postmaster);
  // The settings in the file that the running server has not read: parameter -> JSON {"old_value":..,"new_value":..}.
  // If the server was found running and the file was written after its start, only the fact that they differ is known.
  std::map<std::string, std::string> pending(int postmaster, long started_at);

 private:
  const Paths& paths_;
  int reader_ = 0;
  bool known_ = false;  // whether it is known what the server has read
  Parameters read_;
};

}  // namespace tamada::postgres
