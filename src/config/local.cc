// Reads patroni.yml and the environment into a Local.
#include "config/local.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "config/address.h"
#include "config/environment.h"
#include "config/local_sections.h"
#include "config/section.h"
#include "config/validate.h"
#include "config/yaml.h"
#include "net/files.h"
#include "wire/json.h"
#include "wire/tags.h"

namespace tamada::config {
namespace {

namespace fs = std::filesystem;
using core::Result;

constexpr std::string_view reserved_name = "__patroni_strict_sync_replica_placeholder__";

Result<Document> read_file(const fs::path& path) {
  const auto text = net::read_file(path);
  if (!text) return core::fail(fmt::format("{}: cannot be read", path.string()));
  auto document = parse_yaml(*text, path.string());
  if (document && !document->value.is_object()) {
    return core::fail(fmt::format("{}:1: is no mapping; allowed: keys such as scope, name, restapi", path.string()));
  }
  return document;
}

Result<Document> read_folder(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& name : net::names_in(folder)) {
    const auto extension = fs::path(name).extension();
    if (fs::is_regular_file(folder / name, ignored) && (extension == ".yml" || extension == ".yaml"))
      files.push_back(folder / name);
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
  // This is Patroni's text, which scripts look for.
  warnings.push_back(fmt::format("Conflicting configuration between {}: {} and {}: {}. Defaulting to {}: {}", boolean,
                                 text, priority_name, *priority, boolean, text));
}

void read_tags(const Section& root, core::Tags& tags, Problems& problems) {
  const Json* value = root.raw("tags");
  if (!value || !value->is_object()) return;
  tags = wire::parse_tags(*value);
  std::vector<std::string> warnings;
  warn_of_contradiction(*value, tags.nofailover, "nofailover", "failover_priority", warnings);
  warn_of_contradiction(*value, tags.nosync, "nosync", "sync_priority", warnings);
  for (auto& warning : warnings) problems.warnings.push_back({"", std::move(warning)});
}

void read_name(Section& root, Local& local) {
  local.scope = root.text("scope");
  local.name = root.text("name");
  local.namespace_ = normal_namespace(root.text("namespace"));
  if (local.name.contains('/')) root.error("name", "contains a slash; allowed: a name that can be part of a key");
  if (local.name == reserved_name) root.error("name", fmt::format("'{}' is reserved", reserved_name));
}

void read_root(Section& root, Local& local, Problems& problems, Purpose purpose) {
  read_name(root, local);
  read_log(root.section("log"), local.log);
  read_restapi(root.section("restapi"), local.restapi);
  read_ctl(root.section("ctl"), local.ctl);
  read_etcd(root, local.etcd, purpose);
  read_bootstrap(root.section("bootstrap"), local.bootstrap);
  if (purpose == Purpose::daemon || root.has("postgresql")) {
    read_postgresql(root.section("postgresql"), local.postgresql, purpose);
  }
  read_watchdog(root.section("watchdog"), local.watchdog);
  read_notify(root.section("notify"), local.notify);
  read_tags(root, local.tags, problems);
}

}  // namespace

// Reads the file or folder, overridden by the environment's variables. PATRONI_CONFIGURATION counts only if there is no
// file, and then it is the whole configuration. Without both the variables alone are used.
Result<Document> read_document(const std::string& path, const std::map<std::string, std::string>& environment,
                               Problems& problems) {
  const auto variables = environment_document(environment, problems);
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

Result<Loaded> load(const std::string& path, const std::map<std::string, std::string>& environment, Purpose purpose) {
  Problems problems;
  const auto document = read_document(path, environment, problems);
  if (!document) return std::unexpected(document.error());
  Loaded loaded{.local = read_local(*document, environment, purpose, problems)};
  loaded.local.file = path;
  if (!problems.errors.empty()) return core::fail(fmt::format("{}", fmt::join(lines_of(problems.errors), "\n")));
  loaded.warnings = lines_of(std::move(problems.warnings));
  return loaded;
}

Local read_local(const Document& document, const std::map<std::string, std::string>& environment, Purpose purpose,
                 Problems& problems) {
  Local local;
  local.document = std::make_shared<Document>(document);
  validate(document, local_schema, purpose, problems);
  Section root(document, local_schema, problems);
  read_root(root, local, problems, purpose);
  finish_paths(local.postgresql, environment);
  return local;
}

std::string RestApi::url() const {
  return fmt::format("{}://{}/patroni", certfile.empty() ? "http" : "https", connect_address);
}

bool RestApi::anyone_may_write() const {
  const bool loopback = listen_host == "localhost" || listen_host == "::1" || listen_host.starts_with("127.");
  const bool asks = !username.empty() || verify_client != "none" || !allowlist.empty() || allowlist_include_members;
  return !listen_host.empty() && !loopback && !asks;
}

}  // namespace tamada::config
