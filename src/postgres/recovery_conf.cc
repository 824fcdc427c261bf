#include "postgres/recovery_conf.h"

#include <sys/stat.h>

#include <set>

#include "config/parameter.h"
#include "postgres/files.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::postgres {
namespace {

std::string change_of_setting(const std::string& before, const std::string& now) {
  wire::Json reason;
  reason["old_value"] = before;
  reason["new_value"] = now;
  return wire::dump_compact(reason);
}

// A parameter's value in readable units, in which "7000" and "7s" are equal.
std::string readable_recovery(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return "";
  const auto* parameter = config::find_parameter(name, 110000);
  return parameter ? config::readable_wanted(parameter->type, parameter->unit, found->second) : found->second;
}

}  // namespace

void RecoveryConf::read_by(int postmaster) {
  reader_ = postmaster;
  known_ = true;
  read_ = parameters_in(read_file(paths_.recovery_conf).value_or(""));
}

std::map<std::string, std::string> RecoveryConf::pending(int postmaster, long started_at) {
  if (postmaster != reader_) {
    read_by(postmaster);
    struct stat status{};
    known_ = ::stat(paths_.recovery_conf.c_str(), &status) == 0 && status.st_mtim.tv_sec <= started_at;
  }
  if (!known_) return {{"recovery.conf", change_of_setting("?", "?")}};
  const auto now = parameters_in(read_file(paths_.recovery_conf).value_or(""));
  std::set<std::string> names;
  for (const auto& parameters : {read_, now}) {
    for (const auto& [name, value] : parameters) names.insert(name);
  }
  std::map<std::string, std::string> result;
  for (const auto& name : names) {
    const auto before = readable_recovery(read_, name), after = readable_recovery(now, name);
    if (before != after) result[name] = change_of_setting(before, after);
  }
  return result;
}

}  // namespace tamada::postgres
