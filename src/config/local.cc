// patroni.yml and the environment -> Local.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/address.h"
#include "config/config.h"
#include "config/environment.h"
#include "config/local_sections.h"
#include "config/section.h"
#include "wire/json.h"
#include "wire/tags.h"

namespace tamada::config {
namespace {

namespace fs = std::filesystem;
using core::Result;

constexpr std::string_view reserved_name = "__patroni_strict_sync_replica_placeholder__";

Result<Document> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return core::fail(fmt::format("{}: cannot be read", path.string()));
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  auto document = parse_yaml(text, path.string());
  if (document && !document->value.is_object()) {
    return core::fail(fmt::format("{}:1: is no mapping; allowed: keys such as scope, name, restapi", path.string()));
  }
  return document;
}

Result<Document> read_folder(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file(ignored) && (extension == ".yml" || extension == ".yaml")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (files.empty()) return core::fail(fmt::format("{}: holds no *.yml and no *.yaml", folder.string()));
  Document result;
  for (const auto& file : files) {
    auto document = read_file(file);
    if (!document) return document;
    lay_over(result, *document);
  }
  return result;
}

// The file or folder under the environment's variables. Only without a file PATRONI_CONFIGURATION counts, and then it
// alone; without both the variables have to be enough.
Result<Document> read_all(const std::string& path, const std::map<std::string, std::string>& environment) {
  const auto variables = environment_document(environment);
  std::error_code ignored;
  if (!path.empty() && fs::exists(path, ignored)) {
    auto document = fs::is_directory(path, ignored) ? read_folder(path) : read_file(path);
    if (document) lay_over(*document, variables);
    return document;
  }
  constexpr std::string_view name = "PATRONI_CONFIGURATION";
  const auto text = environment.find(std::string(name));
  if (text != environment.end() && !text->second.empty()) {
    auto document = parse_yaml(text->second, std::string(name));
    if (document && !document->value.is_object()) return core::fail(fmt::format("{}:1: is no mapping", name));
    return document;
  }
  if (!path.empty() && variables.value.empty()) return core::fail(path + ": no such file or folder");
  return variables;
}

std::string normal_namespace(const std::string& text) {
  std::string out = "/";
  for (const char c : text + "/") {
    if (c != '/' || out.back() != '/') out += c;
  }
  return out;
}

std::string python_text(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_null()) return "None";
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

void warn_of_contradiction(const Json& tags, bool never, const char* boolean, const char* priority_name,
                           std::vector<std::string>& warnings) {
  const Json* given = wire::find(tags, boolean);
  const auto priority = wire::integer_at(tags, priority_name);
  if (!given || !priority || never != (*priority > 0)) return;
  const auto text = python_text(*given);
  // The words of Patroni's log, which scripts look for.
  warnings.push_back(fmt::format("Conflicting configuration between {}: {} and {}: {}. Defaulting to {}: {}", boolean,
                                 text, priority_name, *priority, boolean, text));
}

void read_tags(Section& root, core::Tags& tags, Problems& problems) {
  const Json* value = root.raw("tags");
  if (!value) return;
  if (!value->is_object()) {
    root.error("tags", "is no mapping; allowed: a mapping of names to values");
    return;
  }
  tags = wire::parse_tags(*value);
  warn_of_contradiction(*value, tags.nofailover, "nofailover", "failover_priority", problems.warnings);
  warn_of_contradiction(*value, tags.nosync, "nosync", "sync_priority", problems.warnings);
}

void read_log(Section log, std::string& level) {
  std::string word = log.text("level", level);
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::toupper(c); });
  if (word == "WARN") word = "WARNING";
  if (word == "FATAL") word = "CRITICAL";
  constexpr auto levels = std::to_array<std::string_view>({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"});
  if (std::ranges::find(levels, word) == levels.end()) {
    log.error("level", fmt::format("'{}' is no level; allowed: {}", word, fmt::join(levels, ", ")));
  } else {
    level = word;
  }
  log.unsupported({"type", "format", "dateformat", "static_fields", "dir", "mode", "file_num", "file_size",
                   "deduplicate_heartbeat_logs"});
  log.accept({"traceback_level", "loggers", "max_queue_size"});
  log.finish();
}

void read_name(Section& root, Local& local, Purpose purpose) {
  const bool daemon = purpose == Purpose::daemon;
  local.scope = daemon ? root.required_text("scope", "the cluster's name") : root.text("scope");
  local.name = daemon ? root.required_text("name", "a name that no other node of the cluster has") : root.text("name");
  local.namespace_ = normal_namespace(root.text("namespace", "/service/"));
  if (local.name.contains('/')) root.error("name", "contains a slash; allowed: a name that can be part of a key");
  if (local.name == reserved_name) root.error("name", fmt::format("'{}' is reserved", reserved_name));
}

void read_root(Section& root, Local& local, Problems& problems, Purpose purpose) {
  read_name(root, local, purpose);
  read_log(root.section("log"), local.log.level);
  read_restapi(root.section("restapi"), local.restapi, purpose);
  read_ctl(root.section("ctl"), local.ctl);
  read_etcd(root, local.etcd, purpose);
  read_bootstrap(root.section("bootstrap"), local.bootstrap);
  if (purpose == Purpose::daemon || root.raw("postgresql")) {
    read_postgresql(root.section("postgresql"), local.postgresql, purpose);
  }
  read_tags(root, local.tags, problems);
  read_watchdog(root.section("watchdog"), local.watchdog);
  root.unsupported({"consul", "zookeeper", "exhibitor", "kubernetes", "raft", "citus"});
  root.accept({"thread_pool_size", "thread_stack_size"});
  root.finish();
}

}  // namespace

Result<Loaded> load(const std::string& path, const std::map<std::string, std::string>& environment, Purpose purpose) {
  const auto document = read_all(path, environment);
  if (!document) return std::unexpected(document.error());

  Loaded loaded;
  loaded.local.file = path;
  Problems problems;
  Section root(*document, problems);
  read_root(root, loaded.local, problems, purpose);
  finish_paths(loaded.local.postgresql, environment);
  if (!problems.errors.empty()) return core::fail(fmt::format("{}", fmt::join(problems.errors, "\n")));
  loaded.warnings = std::move(problems.warnings);
  return loaded;
}

std::string RestApi::url() const {
  return fmt::format("{}://{}/patroni", certfile.empty() ? "http" : "https", connect_address);
}

}  // namespace tamada::config
