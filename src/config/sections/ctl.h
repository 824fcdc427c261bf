// The section `ctl` of patroni.yml.
#pragma once

#include <string>

namespace tamada::config {

// Of the section `ctl`: how the command reaches the REST API.
struct Ctl {
  bool insecure = false;
  std::string cacert, certfile, keyfile, keyfile_password, username, password;
};

}  // namespace tamada::config
