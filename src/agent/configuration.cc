#include "agent/configuration.h"

#include <algorithm>

#include "config/effective.h"
#include "config/yaml.h"
#include "net/log.h"
#include "wire/python_json.h"

namespace tamada::agent {

Configuration::Configuration(config::Local local, const std::string& copy) : file_(std::move(local)), local_(file_) {
  if (auto parsed = config::parse_dynamic(copy)) dynamic_ = std::move(*parsed);
  if (dynamic_.is_object() && !dynamic_.empty()) former_ttl_ = config::settings(local_, dynamic_, nullptr).ttl;
  if (!dynamic_.is_object() || dynamic_.empty()) dynamic_ = local_.bootstrap.dcs;
  if (!dynamic_.is_object()) dynamic_ = config::Json::object();
  take(std::move(dynamic_));
}

void Configuration::take(config::Json dynamic) {
  dynamic_ = std::move(dynamic);
  copy_ = wire::dump_python(dynamic_);
  derive();
}

void Configuration::derive() {
  warnings_.clear();
  local_ = config::with_dynamic(file_, dynamic_, &warnings_);
  settings_ = config::settings(local_, dynamic_, &warnings_);
  settings_.former_ttl = former_ttl_;
  if (!known_) {
    const core::Settings usual;
    settings_.pause = false;
    settings_.retry_timeout = std::min(settings_.retry_timeout, usual.retry_timeout);
  }
  for (const auto& warning : warnings_) log::warning("{}", warning);
}

void Configuration::warnings_of_file(std::vector<std::string> warnings) {
  for (const auto& warning : warnings) log::warning("{}", warning);
  file_warnings_ = std::move(warnings);
}

core::Problems Configuration::problems() const {
  core::Problems all;
  const auto add = [&all](const std::string& text) {
    const core::Problem problem{.kind = core::ProblemKind::configuration, .text = text};
    if (!text.empty() && std::ranges::find(all, problem) == all.end()) all.push_back(problem);
  };
  add(unusable_);
  for (const auto* warnings : {&file_warnings_, &warnings_}) std::ranges::for_each(*warnings, add);
  if (const auto& rest = local_.restapi; rest.anyone_may_write()) {
    all.push_back(
        {.kind = core::ProblemKind::security,
         .text = fmt::format("anybody who reaches {}:{} may change the cluster, and thereby run programs on its nodes",
                             rest.listen_host, rest.listen_port)});
  }
  return all;
}

bool Configuration::take_dynamic(const std::string& json) {
  if (json == taken_) return false;
  taken_ = json;
  auto parsed = config::parse_dynamic(json);
  if (!parsed) {
    unusable_ = "the key config is not usable, the configuration stays as it was: " + parsed.error().what;
    log::error("{}", unusable_);
    return false;
  }
  unusable_.clear();
  const bool unknown = !known_;
  known_ = true;
  if (*parsed == dynamic_) {
    if (unknown) derive();
    return false;
  }
  take(std::move(*parsed));
  return true;
}

bool Configuration::take_local(config::Local local) {
  if (file_.document && local.document && file_.document->value == local.document->value) return false;
  for (const auto& key : config::changed_for_next_start(file_, local)) {
    log::warning("{} has changed; the change takes effect only when the daemon is restarted", key);
  }
  // The cluster's name and the data directory never change while the daemon runs.
  local.scope = file_.scope;
  local.name = file_.name;
  local.namespace_ = file_.namespace_;
  local.postgresql.data_dir = file_.postgresql.data_dir;
  local.postgresql.config_dir = file_.postgresql.config_dir;
  local.postgresql.bin_dir = file_.postgresql.bin_dir;
  local.postgresql.bin_name = file_.postgresql.bin_name;
  file_ = std::move(local);
  derive();
  return true;
}

std::string Configuration::dynamic_json() const {
  auto written = dynamic_;
  if (!known_) written.erase("pause");  // the copy is from an earlier run, and the cluster may have been resumed since
  return written.dump(-1, ' ', true);
}

}  // namespace tamada::agent
