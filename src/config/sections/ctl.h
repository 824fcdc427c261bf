// The section `ctl` of patroni.yml.
#pragma once

#include <string>

namespace tamada::config {

// How tamadactl reaches the REST API.
struct Ctl {
  bool insecure = false;
  std::string cacert, certfile, keyfile, keyfile_password, username, password;
};

}  // namespace tamada::config
