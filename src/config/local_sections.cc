#include "config/local_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/address.h"
#include "config/dynamic.h"
#include "config/log_format.h"
#include "config/value.h"
#include "net/http_client.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

constexpr std::string_view postgres_port = "5432";
constexpr std::string_view etcd_port = "2379";

bool is_everything(const std::string& host) { return host == "*" || host == "0.0.0.0" || host == "::"; }

// Reads exactly one host:port.
std::optional<Addresses> single_address(Section& section, std::string_view key, const std::string& text,
                                        std::string_view default_port) {
  auto address = parse_addresses(text, default_port);
  if (address && address->hosts.size() == 1) return std::move(*address);
  section.error(key,
                address ? fmt::format("'{}' names several hosts; allowed: one host:port", text) : address.error().what);
  return std::nullopt;
}

void read_login(const Section& section, std::string& username, std::string& password) {
  username = section.text("username");
  password = section.text("password");
}

void read_endpoints(Section& section, Etcd& etcd, std::string_view protocol) {
  const auto add = [&](const std::string& where, const std::string& text) {
    if (text.contains("://")) {
      const auto url = parse_url(text, etcd_port);
      if (!url) return section.error(where, url.error().what);
      etcd.endpoints.push_back(fmt::format("{}://{}", url->scheme, host_and_port(url->host, url->port)));
      if (!url->username.empty()) etcd.username = url->username;
      if (!url->password.empty()) etcd.password = url->password;
      return;
    }
    if (const auto address = single_address(section, where, text, etcd_port)) {
      etcd.endpoints.push_back(fmt::format("{}://{}", protocol, host_and_port(address->hosts[0], address->port)));
    }
  };
  // The keys are tried in Patroni's order of preference.
  for (const auto key : {"proxy", "url"}) {
    if (const auto url = section.text(key); !url.empty() && etcd.endpoints.empty()) {
      add(key, url.contains("://") ? url : fmt::format("{}://{}", protocol, url));
    }
  }
  if (!etcd.endpoints.empty()) return;
  const auto with_port = [&](std::string text) {
    const bool bare = !text.empty() && (text.ends_with(']') || !text.contains(':'));
    return bare && section.has("port") ? fmt::format("{}:{}", text, section.number("port")) : text;
  };
  if (section.has("hosts")) {
    const auto items = section.lines("hosts");
    const bool is_list = section.raw("hosts")->is_array();
    for (std::size_t i = 0; i < items.size(); ++i) {
      add(is_list ? join_path("hosts", i) : "hosts", with_port(items[i]));
    }
  } else if (const auto host = section.text("host"); !host.empty()) {
    add("host", with_port(host));
  }
}

void read_etcd_section(Section section, Etcd& etcd) {
  etcd.username = section.text("username");
  etcd.password = section.text("password");
  etcd.cacert = section.text("cacert");
  etcd.cert = section.text("cert");
  etcd.key = section.text("key");
  read_endpoints(section, etcd, section.word("protocol"));
}

void read_credentials(const Section& section, Credentials& user) {
  user.username = section.text("username");
  user.password = section.text("password");
  user.sslmode = section.word("sslmode");
  user.sslcert = section.text("sslcert");
  user.sslkey = section.text("sslkey");
  user.sslpassword = section.text("sslpassword");
  user.sslrootcert = section.text("sslrootcert");
  user.sslcrl = section.text("sslcrl");
  user.sslcrldir = section.text("sslcrldir");
  user.sslnegotiation = section.word("sslnegotiation");
  user.gssencmode = section.word("gssencmode");
  user.channel_binding = section.word("channel_binding");
}

void read_authentication(Section section, Postgresql& postgresql, Purpose purpose) {
  read_credentials(section.section("superuser"), postgresql.superuser);
  read_credentials(section.section("replication"), postgresql.replication);
  read_credentials(section.section("rewind"), postgresql.rewind);
  if (purpose == Purpose::daemon && postgresql.replication.username.empty()) {
    section.error("replication.username", "is missing; allowed: the user that standbys connect as");
  }
  // Before PostgreSQL 11 pg_rewind needs a superuser, and many files name no other user for it.
  if (postgresql.rewind.username.empty()) postgresql.rewind = postgresql.superuser;
}

void read_addresses(Section& section, Postgresql& postgresql) {
  const auto listen = section.text("listen");
  if (!listen.empty()) {
    if (auto addresses = parse_addresses(listen, postgres_port)) {
      postgresql.listen_hosts = std::move(addresses->hosts);
      postgresql.listen_port = std::move(addresses->port);
    } else {
      section.error("listen", addresses.error().what);
    }
  }
  if (const auto proxy = section.text("proxy_address"); !proxy.empty()) {
    if (const auto address = single_address(section, "proxy_address", proxy, postgres_port)) {
      postgresql.proxy_address = host_and_port(address->hosts.front(), address->port);
    }
  }
  const auto connect = section.text("connect_address");
  if (!connect.empty()) {
    const auto port = postgresql.listen_port.empty() ? std::string(postgres_port) : postgresql.listen_port;
    if (const auto address = single_address(section, "connect_address", connect, port)) {
      postgresql.connect_host = address->hosts.front();
      postgresql.connect_port = address->port;
    }
    return;
  }
  if (postgresql.listen_hosts.empty()) return;
  // As in Patroni, the daemon connects to localhost if the server listens there, otherwise to the first address.
  const bool local = std::ranges::any_of(postgresql.listen_hosts, [](const std::string& host) {
    return is_everything(host) || host == "localhost" || host == "127.0.0.1";
  });
  postgresql.connect_host = local ? "localhost" : postgresql.listen_hosts.front();
  postgresql.connect_port = postgresql.listen_port;
  if (std::ranges::any_of(postgresql.listen_hosts, is_everything)) {
    section.warning("connect_address", "is missing: other nodes will be told to connect to localhost");
  }
}

void read_files(Section& section, Postgresql& postgresql, Purpose purpose) {
  postgresql.data_dir = section.text("data_dir");
  postgresql.config_dir = section.text("config_dir");
  postgresql.bin_dir = section.text("bin_dir");
  postgresql.pgpass = section.text("pgpass");
  postgresql.custom_conf = section.text("custom_conf");
  const auto names = section.section("bin_name");
  for (const auto program : {"initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_rewind"}) {
    if (auto name = names.text(program); !name.empty()) postgresql.bin_name[program] = std::move(name);
  }
  const auto renamed = postgresql.bin_name.find("postgres");
  const std::string postgres = renamed == postgresql.bin_name.end() ? "postgres" : renamed->second;
  std::error_code ignored;
  if (purpose == Purpose::daemon && !postgresql.bin_dir.empty() &&
      !std::filesystem::exists(std::filesystem::path(postgresql.bin_dir) / postgres, ignored)) {
    section.error("bin_dir", fmt::format("no program {} in '{}'; allowed: the folder of PostgreSQL's programs, or "
                                         "nothing to look in PATH",
                                         postgres, postgresql.bin_dir));
  }
}

void read_callbacks(const Section& section, std::map<std::string, std::string>& callbacks) {
  for (const auto name : {"on_start", "on_stop", "on_restart", "on_reload", "on_role_change"}) {
    if (auto command = section.text(name); !command.empty()) callbacks[name] = std::move(command);
  }
}

bool truth(const Json& section, std::string_view key) {
  const Json* value = wire::find(section, key);
  return value && wire::to_bool(*value).value_or(false);
}

// Reads the section of a method. Keys that the daemon does not know become arguments of the method's command.
std::optional<Method> read_method(const Json& parent, const std::string& name) {
  const Json* section = wire::find(parent, name);
  const Json* command = section ? wire::find(*section, "command") : nullptr;
  if (!command || !command->is_string()) return std::nullopt;
  Method method{.name = name, .command = command->get<std::string>()};
  method.no_params = truth(*section, "no_params");
  method.keep_existing_recovery_conf = truth(*section, "keep_existing_recovery_conf");
  method.no_leader = truth(*section, "no_leader") || truth(*section, "no_master");
  method.keep_data = truth(*section, "keep_data");
  if (const Json* recovery = wire::find(*section, "recovery_conf"); recovery && recovery->is_object()) {
    for (const auto& item : recovery->items()) {
      if (auto text = parameter_text(item.value())) method.recovery_conf[item.key()] = std::move(*text);
    }
  }
  constexpr auto ours = std::to_array<std::string_view>(
      {"command", "no_params", "keep_existing_recovery_conf", "no_leader", "no_master", "keep_data", "recovery_conf"});
  for (const auto& item : section->items()) {
    if (std::ranges::find(ours, item.key()) != ours.end()) continue;
    if (auto text = parameter_text(item.value())) method.arguments.emplace_back(item.key(), std::move(*text));
  }
  return method;
}

void read_replica_methods(Section& section, Postgresql& postgresql) {
  // All sections are read, because `standby_cluster.create_replica_methods` in the DCS may name methods, too.
  for (const auto& item : section.object().items()) {
    if (auto method = read_method(section.object(), item.key())) {
      postgresql.replica_methods[item.key()] = std::move(*method);
    }
  }
  const auto key = section.has("create_replica_methods") ? "create_replica_methods" : "create_replica_method";
  for (auto& name : section.lines(key)) {
    if (name != "basebackup" && name != "incremental" && !postgresql.replica_methods.contains(name)) {
      section.warning(key,
                      fmt::format("{} is left out: no section of this name with a command stands beside it", name));
      continue;
    }
    postgresql.create_replica_methods.push_back(std::move(name));
  }
  if (postgresql.create_replica_methods == std::vector<std::string>{"incremental"} &&
      !postgresql.replica_methods.contains("incremental")) {
    section.warning(
        key,
        "incremental needs the data of an earlier replica; without any, no replica can be made unless another "
        "method follows: [incremental, basebackup]");
  }
}

RoleConfiguration read_role(const Section& section, std::string_view role) {
  return {.parameters = section.parameters(fmt::format("parameters_{}", role)),
          .pg_hba = section.lines_if(fmt::format("pg_hba_{}", role)),
          .pg_ident = section.lines_if(fmt::format("pg_ident_{}", role))};
}

}  // namespace

void read_restapi(Section section, RestApi& restapi) {
  const auto listen = section.text("listen");
  if (!listen.empty()) {
    if (const auto address = single_address(section, "listen", listen, "")) {
      restapi.listen_host = address->hosts.front();
      restapi.listen_port = address->port;
    }
  }
  restapi.connect_address = section.text("connect_address");
  if (!restapi.connect_address.empty()) {
    if (const auto address = single_address(section, "connect_address", restapi.connect_address, "")) {
      restapi.connect_address = host_and_port(address->hosts.front(), address->port);
    }
  } else if (!restapi.listen_host.empty()) {
    restapi.connect_address = host_and_port(restapi.listen_host, restapi.listen_port);
    if (is_everything(restapi.listen_host)) {
      section.warning("connect_address",
                      fmt::format("is missing: other nodes will be told {}", restapi.connect_address));
    }
  }
  restapi.certfile = section.text("certfile");
  restapi.keyfile = section.text("keyfile");
  restapi.keyfile_password = section.text("keyfile_password");
  restapi.cafile = section.text("cafile");
  restapi.verify_client = section.word("verify_client");
  read_login(section.section("authentication"), restapi.username, restapi.password);
  restapi.ciphers = section.text("ciphers");
  restapi.allowlist = section.lines("allowlist");
  restapi.allowlist_include_members = section.flag("allowlist_include_members");
  restapi.http_extra_headers = section.pairs("http_extra_headers");
  restapi.https_extra_headers = section.pairs("https_extra_headers");
  restapi.request_queue_size = static_cast<int>(section.number("request_queue_size"));
  restapi.server_tokens = section.word("server_tokens");
  restapi.ui = section.flag("ui");
}

void read_ctl(const Section& section, Ctl& ctl) {
  ctl.insecure = section.flag("insecure");
  ctl.cacert = section.text("cacert");
  ctl.certfile = section.text("certfile");
  ctl.keyfile = section.text("keyfile");
  ctl.keyfile_password = section.text("keyfile_password");
  read_login(section.section("authentication"), ctl.username, ctl.password);
}

void read_log(Section section, Log& log) {
  log.type = section.word("type");
  log.level = section.word("level");
  log.format = section.text("format");
  if (const Json* fields = section.raw("format"); fields && fields->is_array()) {
    for (const auto& field : *fields) {
      if (field.is_string()) log.fields.emplace_back(field, field);
      if (!field.is_object() || field.size() != 1) continue;
      const auto item = field.items().begin();
      if (item.value().is_string()) log.fields.emplace_back(item.key(), item.value());
    }
  }
  log.dateformat = section.text("dateformat");
  if (const Json* fields = section.raw("static_fields"); fields && fields->is_object()) log.static_fields = *fields;
  log.loggers = section.parameters("loggers");
  log.dir = section.text("dir");
  if (section.has("mode")) log.mode = static_cast<int>(section.number("mode"));
  log.file_num = static_cast<int>(section.number("file_num"));
  log.file_size = section.number("file_size");
  log.max_queue_size = static_cast<int>(section.number("max_queue_size"));
  log.deduplicate_heartbeat_logs = section.flag("deduplicate_heartbeat_logs");
  if (const auto format = LogFormat::create(log); !format) section.error("format", format.error().what);
  for (auto& [name, level] : log.loggers) {
    if (const auto word = as_word(*find(*find(local_schema, "log"), "level"), Json(level))) {
      level = *word;
    } else {
      section.error(join_path("loggers", name), fmt::format("'{}' is no level; allowed: DEBUG, INFO, WARNING, ERROR, "
                                                            "CRITICAL",
                                                            level));
    }
  }
}

void read_watchdog(const Section& section, Watchdog& watchdog) {
  const auto mode = section.word("mode");
  watchdog.mode = mode.starts_with("requ") ? "required" : mode.starts_with("auto") ? "automatic" : "off";
  watchdog.device = section.text("device");
  watchdog.safety_margin_s = static_cast<int>(section.number("safety_margin"));
  watchdog.driver = section.word("driver");
  watchdog.guard = section.flag("guard");
}

void read_notify(Section section, Notify& notify) {
  notify.command = section.lines("command");
  notify.webhook = section.text("webhook");
  // The error does not repeat the URL, whose path may be a secret.
  if (!notify.webhook.empty() && !net::Url::parse(notify.webhook)) {
    section.error("webhook",
                  "is no usable URL; allowed: http:// or https:// with host, port and path, and without user and "
                  "password, which `authorization` is for");
    notify.webhook.clear();
  }
  notify.authorization = section.text("authorization");
  if (std::ranges::any_of(notify.authorization, [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
    section.error("authorization", "holds a control character; allowed: one line of text");
    notify.authorization.clear();
  }
  notify.cacert = section.text("cacert");
  notify.timeout_s = static_cast<int>(section.number("timeout"));
  notify.repeat_after_s = static_cast<int>(section.number("repeat_after"));
}

void read_etcd(Section& root, Etcd& etcd, Purpose purpose) {
  const bool has_v3 = root.has("etcd3"), has_v2 = root.has("etcd");
  if (has_v3) {
    if (has_v2) root.warning("etcd", "etcd3 is there too, and is what counts");
    read_etcd_section(root.section("etcd3"), etcd);
  } else if (has_v2) {
    root.warning("etcd", "is taken for etcd3: the API v2 of etcd is not supported here");
    read_etcd_section(root.section("etcd"), etcd);
  }
  if (purpose == Purpose::daemon && etcd.endpoints.empty()) {
    root.error(has_v2 && !has_v3 ? "etcd.hosts" : "etcd3.hosts", "is missing or empty; allowed: a list of host:port");
  }
}

void read_bootstrap(Section section, Bootstrap& bootstrap) {
  bootstrap.present = section.present();
  if (!bootstrap.present) return;
  const Json* dcs = section.raw("dcs");
  bootstrap.dcs = dcs && dcs->is_object() ? *dcs : Json::object();
  bootstrap.initdb = section.arguments("initdb", {"pgdata", "nosync", "pwfile", "sync-only", "version"});
  bootstrap.pg_hba = section.lines("pg_hba");
  bootstrap.post_bootstrap = section.text("post_bootstrap");
  if (bootstrap.post_bootstrap.empty()) bootstrap.post_bootstrap = section.text("post_init");
  if (const auto method = section.text("method"); method != "initdb") {
    bootstrap.method = read_method(section.object(), method);
    if (!bootstrap.method) {
      section.warning("method", fmt::format("no section {} with a command stands beside it; initdb is used", method));
    }
  }
}

void read_postgresql(Section section, Postgresql& postgresql, Purpose purpose) {
  read_addresses(section, postgresql);
  read_files(section, postgresql, purpose);
  read_authentication(section.section("authentication"), postgresql, purpose);
  read_callbacks(section.section("callbacks"), postgresql.callbacks);
  read_replica_methods(section, postgresql);
  postgresql.database = section.text("database");
  const auto krbsrvname = section.text("krbsrvname");
  for (auto* user : {&postgresql.superuser, &postgresql.replication, &postgresql.rewind}) user->krbsrvname = krbsrvname;
  postgresql.use_unix_socket = section.flag("use_unix_socket");
  postgresql.use_unix_socket_repl = section.flag("use_unix_socket_repl");
  postgresql.parameters = section.parameters("parameters");
  postgresql.recovery_conf = section.parameters("recovery_conf");
  postgresql.pg_hba = section.lines("pg_hba");
  postgresql.pg_ident = section.lines("pg_ident");
  postgresql.primary = read_role(section, "primary");
  postgresql.replica = read_role(section, "replica");
  postgresql.standby_leader = read_role(section, "standby_leader");
  postgresql.basebackup_options =
      section.arguments("basebackup", {"pgdata", "format", "wal-method", "xlog-method", "gzip", "version", "dbname",
                                       "host", "port", "username", "password"});
  postgresql.rewind_options =
      section.arguments("rewind", {"target-pgdata", "source-pgdata", "source-server", "write-recovery-conf", "dry-run",
                                   "restore-target-wal", "config-file", "no-ensure-shutdown", "version", "help"});
  postgresql.before_stop = section.text("before_stop");
  postgresql.pre_promote = section.text("pre_promote");
  postgresql.use_pg_rewind = section.choice("use_pg_rewind");
  postgresql.remove_data_directory_on_rewind_failure = section.choice("remove_data_directory_on_rewind_failure");
  postgresql.remove_data_directory_on_diverged_timelines =
      section.choice("remove_data_directory_on_diverged_timelines");
  postgresql.keep_replaced_data = section.flag("keep_replaced_data");
  postgresql.pg_ctl_timeout_s = static_cast<int>(section.number("pg_ctl_timeout"));
}

void finish_paths(Postgresql& postgresql, const std::map<std::string, std::string>& environment) {
  namespace fs = std::filesystem;
  const auto absolute = [](const std::string& path) {
    std::error_code failed;
    const auto result = fs::absolute(path, failed).lexically_normal();
    std::string text = failed ? path : result.string();
    if (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
  };
  if (postgresql.data_dir.empty()) return;
  postgresql.data_dir = absolute(postgresql.data_dir);
  postgresql.config_dir = postgresql.config_dir.empty() ? postgresql.data_dir : absolute(postgresql.config_dir);
  if (postgresql.pgpass.empty()) {
    const auto home = environment.find("HOME");
    postgresql.pgpass = (home == environment.end() ? std::string() : home->second + "/") + "pgpass";
  }
  postgresql.pgpass = absolute(postgresql.pgpass);
}

}  // namespace tamada::config
