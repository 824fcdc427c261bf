#include "setup/generate_config.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "config/dynamic.h"
#include "config/environment.h"
#include "config/json.h"
#include "config/local.h"
#include "config/server_configuration.h"
#include "config/validate.h"
#include "config/yaml_emit.h"
#include "core/server_features.h"
#include "setup/machine.h"
#include "setup/running_server.h"
#include "wire/json.h"

namespace tamada::setup {
namespace {

using config::Json;
constexpr const char* fill_in = "#FIXME";

std::string or_fill_in(const std::string& text) { return text.empty() ? fill_in : text; }

// The defaults of the parameters that must be equal on all nodes.
Json dynamic_defaults(int server_version) {
  Json parameters = Json::object();
  for (const auto& [name, value] : config::server_configuration({}, Json::object(), server_version).command_line) {
    if (name != "listen_addresses" && name != "port" && name != "cluster_name") parameters[name] = setting_json(value);
  }
  if (!core::features::has_wal_keep_size(server_version)) {
    parameters["wal_keep_segments"] = 8;
  } else {
    parameters["wal_keep_size"] = "128MB";
  }
  return {{"loop_wait", 10},
          {"retry_timeout", 10},
          {"ttl", 30},
          {"postgresql", {{"parameters", parameters}, {"use_pg_rewind", true}, {"use_slots", true}}}};
}

Json template_config(int server_version) {
  const auto host = this_host();
  const auto address = or_fill_in(host.address);
  const auto at = [&](int port) {
    return fmt::format("{}:{}", address.contains(':') ? "[" + address + "]" : address, port);
  };
  return {{"scope", fill_in},
          {"name", or_fill_in(host.name)},
          {"log", {{"type", "plain"}, {"level", "INFO"}, {"format", config::Log().format}}},
          {"restapi", {{"connect_address", at(8008)}, {"listen", at(8008)}}},
          {"bootstrap", {{"dcs", dynamic_defaults(server_version)}}},
          {"postgresql",
           {{"data_dir", fill_in},
            {"connect_address", at(5432)},
            {"listen", at(5432)},
            {"bin_dir", ""},
            {"authentication",
             {{"superuser", {{"username", "postgres"}, {"password", fill_in}}},
              {"replication", {{"username", "replicator"}, {"password", fill_in}}}}}}},
          {"tags",
           {{"clonefrom", true},
            {"failover_priority", 1},
            {"noloadbalance", false},
            {"nostream", false},
            {"sync_priority", 1}}}};
}

void complete_sample(Json& config, int server_version) {
  const std::string method = core::features::has_scram(server_version) ? "scram-sha-256" : "md5";
  Json& postgresql = config["postgresql"];
  postgresql["parameters"] = {{"password_encryption", method}};
  const auto replicator = wire::text_at(postgresql["authentication"]["replication"], "username");
  postgresql["pg_hba"] = {fmt::format("host all all all {}", method),
                          fmt::format("host replication {} all {}", replicator, method)};
  if (core::features::grants_rewind(server_version) && !postgresql["authentication"].contains("rewind")) {
    postgresql["authentication"]["rewind"] = {{"username", "rewind_user"}, {"password", fill_in}};
  }
}

std::string indented(const std::string& text, std::string_view indent) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size() - 1);
    out += std::string(indent) + text.substr(at, end + 1 - at);
    at = end + 1;
  }
  return out;
}

std::string block(const std::string& name, const Json& value, std::string_view indent = "") {
  Json object = Json::object();
  object[name] = value;
  return indented(config::emit_yaml(object), indent);
}

std::string text_of(const Json& config) {
  std::string out;
  const auto add = [&](const char* name) {
    if (const Json* value = wire::find(config, name)) out += (value->is_object() ? "\n" : "") + block(name, *value);
  };
  for (const char* name : {"scope", "namespace", "name", "log", "restapi", "ctl", "etcd3", "etcd"}) add(name);
  out +=
      "\n# The bootstrap section counts only when a cluster is made; later changes of it have no effect.\n"
      "bootstrap:\n"
      "  # The first dynamic configuration, which all nodes share. It is changed by `tamadactl edit-config`.\n"
      "  dcs:\n";
  for (const auto& item : config["bootstrap"]["dcs"].items()) out += block(item.key(), item.value(), "    ");
  for (const char* name : {"postgresql", "watchdog", "tags"}) add(name);
  return out;
}

bool write(const std::string& text, const std::string& file) {
  if (file.empty()) {
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0;
  }
  namespace fs = std::filesystem;
  std::error_code error;
  if (const auto folder = fs::path(file).parent_path(); !folder.empty()) fs::create_directories(folder, error);
  // The file is made first and gets its permissions before it is written, because it contains passwords.
  std::ofstream(file, std::ios::app).close();
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, error);
  std::ofstream out(file, std::ios::trunc);
  out << text;
  return static_cast<bool>(out.flush());
}

}  // namespace

int generate_config(const Arguments& arguments, const std::map<std::string, std::string>& environment) {
  const auto refuse = [](const std::string& why) {
    fmt::print(stderr, "{}\n", why);
    return 1;
  };
  config::Problems ignored;
  const auto variables = config::environment_document(environment, ignored).value;
  Json config;
  if (arguments.task == Arguments::Task::generate_sample) {
    const auto bin_dir = environment.find("PATRONI_POSTGRESQL_BIN_DIR");
    const auto postgres = find_program(bin_dir == environment.end() ? "" : bin_dir->second, "postgres");
    const int major = postgres.empty() ? 0 : major_version_of(postgres);
    const int version = major == 0 ? 150000 : major * 10000;
    config = config::merge(template_config(version), variables);
    complete_sample(config, version);
  } else {
    auto server = ask_running_server(arguments.dsn, environment);
    if (!server) return refuse(server.error().what);
    config = config::merge(template_config(server->version), variables);
    take_over(config, *server);
  }
  if (!config.contains("etcd3") && !config.contains("etcd")) config["etcd3"] = {{"hosts", fill_in}};
  if (!write(text_of(config), arguments.file)) return refuse(arguments.file + ": cannot be written");
  return 0;
}

}  // namespace tamada::setup
