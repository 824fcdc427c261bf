// The section `bootstrap` of patroni.yml.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/json.h"
#include "config/sections/method.h"

namespace tamada::config {

struct Bootstrap {
  bool present = false;  // as in Patroni, a node without the section waits until another has created the cluster
  Json dcs;              // the first dynamic configuration
  std::vector<std::string> initdb;  // as arguments: "--encoding=UTF8", "--data-checksums"
  std::vector<std::string> pg_hba;
  std::string post_bootstrap;    // command line; empty when there is none
  std::optional<Method> method;  // nullopt: by initdb
};

}  // namespace tamada::config
