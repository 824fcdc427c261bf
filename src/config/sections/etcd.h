// The section `etcd3` (or `etcd`) of patroni.yml.
#pragma once

#include <string>
#include <vector>

namespace tamada::config {

struct Etcd {
  std::vector<std::string> endpoints;  // "http://127.0.0.1:2379"
  std::string cacert, cert, key, username, password;
};

}  // namespace tamada::config
