#include "config/local_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "config/address.h"
#include "wire/json.h"

namespace tamada::config {
namespace {

constexpr std::string_view postgres_port = "5432";
constexpr std::string_view etcd_port = "2379";

bool is_everything(const std::string& host) { return host == "*" || host == "0.0.0.0" || host == "::"; }

// One host:port.
std::optional<Addresses> single_address(Section& section, std::string_view key, const std::string& text,
                                        std::string_view default_port) {
  auto address = parse_addresses(text, default_port);
  if (address && address->hosts.size() == 1) return std::move(*address);
  section.error(key,
                address ? fmt::format("'{}' names several hosts; allowed: one host:port", text) : address.error().what);
  return std::nullopt;
}

void read_login(Section section, std::string& username, std::string& password) {
  username = section.text("username");
  password = section.text("password");
  section.finish();
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
  // Patroni's order of preference.
  for (const auto key : {"proxy", "url"}) {
    if (const auto url = section.text(key); !url.empty() && etcd.endpoints.empty()) {
      add(key, url.contains("://") ? url : fmt::format("{}://{}", protocol, url));
    }
  }
  const Json* hosts = section.raw("hosts");
  const auto host = section.text("host");
  const auto port = section.integer("port", 1, 65535);
  if (!etcd.endpoints.empty()) return;
  const auto with_port = [&](std::string text) {
    const bool bare = !text.empty() && (text.ends_with(']') || !text.contains(':'));
    return bare && port ? fmt::format("{}:{}", text, *port) : text;
  };
  if (hosts && hosts->is_string()) {
    const auto& text = hosts->get_ref<const std::string&>();
    for (std::size_t at = 0; at <= text.size();) {
      const auto end = std::min(text.find(',', at), text.size());
      const auto item = text.substr(at, end - at);
      if (item.find_first_not_of(' ') != item.npos) add("hosts", with_port(item));
      at = end + 1;
    }
  } else if (hosts) {
    const auto items = section.lines("hosts");
    for (std::size_t i = 0; i < items.size(); ++i) add(join_path("hosts", i), with_port(items[i]));
  } else if (!host.empty()) {
    add("host", with_port(host));
  }
}

void read_etcd_section(Section section, Etcd& etcd) {
  const auto protocol = section.one_of("protocol", {"http", "https"}, "http");
  etcd.username = section.text("username");
  etcd.password = section.text("password");
  etcd.cacert = section.text("cacert");
  etcd.cert = section.text("cert");
  etcd.key = section.text("key");
  read_endpoints(section, etcd, protocol);
  section.unsupported({"srv", "srv_suffix", "discovery_srv", "srv_domain"});
  section.accept({"use_proxies"});
  section.finish();
}

void read_credentials(Section section, Credentials& user) {
  user.username = section.text("username");
  user.password = section.text("password");
  user.sslmode =
      section.one_of("sslmode", {"", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, "");
  user.sslcert = section.text("sslcert");
  user.sslkey = section.text("sslkey");
  user.sslpassword = section.text("sslpassword");
  user.sslrootcert = section.text("sslrootcert");
  user.sslcrl = section.text("sslcrl");
  user.sslcrldir = section.text("sslcrldir");
  user.sslnegotiation = section.text("sslnegotiation");
  user.gssencmode = section.text("gssencmode");
  user.channel_binding = section.text("channel_binding");
  section.finish();
}

void read_authentication(Section section, Postgresql& postgresql, Purpose purpose) {
  read_credentials(section.section("superuser"), postgresql.superuser);
  read_credentials(section.section("replication"), postgresql.replication);
  read_credentials(section.section("rewind"), postgresql.rewind);
  if (purpose == Purpose::daemon && postgresql.replication.username.empty()) {
    section.error("replication.username", "is missing; allowed: the user that standbys connect as");
  }
  // Before PostgreSQL 11 pg_rewind needs a superuser, and many files name no other.
  if (postgresql.rewind.username.empty()) postgresql.rewind = postgresql.superuser;
  section.finish();
}

void read_addresses(Section& section, Postgresql& postgresql, Purpose purpose) {
  const auto listen = purpose == Purpose::daemon
                          ? section.required_text("listen", "addresses:port, such as 10.0.0.1:5432")
                          : section.text("listen");
  if (!listen.empty()) {
    if (auto addresses = parse_addresses(listen, postgres_port)) {
      postgresql.listen_hosts = std::move(addresses->hosts);
      postgresql.listen_port = std::move(addresses->port);
    } else {
      section.error("listen", addresses.error().what);
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
  // As Patroni: localhost where the server listens on it, else the first address.
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
  postgresql.data_dir =
      purpose == Purpose::daemon ? section.required_text("data_dir", "a folder") : section.text("data_dir");
  postgresql.config_dir = section.text("config_dir");
  postgresql.bin_dir = section.text("bin_dir");
  postgresql.pgpass = section.text("pgpass");
  postgresql.custom_conf = section.text("custom_conf");
  std::error_code ignored;
  if (purpose == Purpose::daemon && !postgresql.bin_dir.empty() &&
      !std::filesystem::exists(std::filesystem::path(postgresql.bin_dir) / "postgres", ignored)) {
    section.error("bin_dir",
                  fmt::format("no program postgres in '{}'; allowed: the folder of PostgreSQL's programs, or "
                              "nothing to look in PATH",
                              postgresql.bin_dir));
  }
}

void read_callbacks(Section section, std::map<std::string, std::string>& callbacks) {
  for (const auto name : {"on_start", "on_stop", "on_restart", "on_reload", "on_role_change"}) {
    if (auto command = section.text(name); !command.empty()) callbacks[name] = std::move(command);
  }
  section.finish();
}

// Sections that create_replica_methods names configure those methods.
void read_replica_methods(Section& section) {
  for (const auto key : {"create_replica_methods", "create_replica_method"}) {
    for (const auto& method : section.lines(key)) {
      if (method == "basebackup") continue;
      section.accept({method});
      section.warning(key,
                      fmt::format("method {} is not supported here; replicas are made with pg_basebackup", method));
    }
  }
}

}  // namespace

void read_restapi(Section section, RestApi& restapi, Purpose purpose) {
  const auto listen = purpose == Purpose::daemon ? section.required_text("listen", "host:port, such as 0.0.0.0:8008")
                                                 : section.text("listen");
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
  restapi.verify_client = section.one_of("verify_client", {"none", "optional", "required"}, "none");
  read_login(section.section("authentication"), restapi.username, restapi.password);
  restapi.ciphers = section.text("ciphers");
  restapi.allowlist = section.lines("allowlist");
  restapi.allowlist_include_members = section.boolean("allowlist_include_members").value_or(false);
  restapi.http_extra_headers = section.pairs("http_extra_headers");
  restapi.https_extra_headers = section.pairs("https_extra_headers");
  restapi.request_queue_size = static_cast<int>(section.integer("request_queue_size", 0, 4096).value_or(5));
  restapi.server_tokens = section.one_of("server_tokens", {"minimal", "productonly", "original"}, "original");
  section.accept({"thread_pool_size"});
  section.finish();
}

void read_ctl(Section section, Ctl& ctl) {
  ctl.insecure = section.boolean("insecure").value_or(false);
  ctl.cacert = section.text("cacert");
  ctl.certfile = section.text("certfile");
  ctl.keyfile = section.text("keyfile");
  ctl.keyfile_password = section.text("keyfile_password");
  read_login(section.section("authentication"), ctl.username, ctl.password);
  section.finish();
}

void read_etcd(Section& root, Etcd& etcd, Purpose purpose) {
  const bool has_v3 = root.raw("etcd3"), has_v2 = root.raw("etcd");
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
  bootstrap.dcs = Json::object();
  if (const Json* dcs = section.raw("dcs")) {
    if (dcs->is_object()) {
      bootstrap.dcs = *dcs;
    } else {
      section.error("dcs", "is no mapping; allowed: the dynamic configuration");
    }
  }
  bootstrap.initdb = section.arguments("initdb", {"pgdata", "nosync", "pwfile", "sync-only", "version"});
  bootstrap.pg_hba = section.lines("pg_hba");
  bootstrap.post_bootstrap = section.text("post_bootstrap");
  if (const auto older = section.text("post_init"); bootstrap.post_bootstrap.empty()) bootstrap.post_bootstrap = older;
  if (const auto method = section.text("method"); !method.empty() && method != "initdb") {
    section.accept({method});
    section.warning("method", fmt::format("method {} is not supported here; the cluster is made with initdb", method));
  }
  if (section.raw("users")) {
    section.warning("users", "has no effect, as in Patroni since version 4; use post_bootstrap to create users");
  }
  section.finish();
}

void read_postgresql(Section section, Postgresql& postgresql, Purpose purpose) {
  read_addresses(section, postgresql, purpose);
  read_files(section, postgresql, purpose);
  read_authentication(section.section("authentication"), postgresql, purpose);
  read_callbacks(section.section("callbacks"), postgresql.callbacks);
  postgresql.use_unix_socket = section.boolean("use_unix_socket").value_or(false);
  postgresql.use_unix_socket_repl = section.boolean("use_unix_socket_repl").value_or(false);
  postgresql.parameters = section.parameters("parameters");
  postgresql.recovery_conf = section.parameters("recovery_conf");
  postgresql.pg_hba = section.lines("pg_hba");
  postgresql.pg_ident = section.lines("pg_ident");
  postgresql.basebackup_options =
      section.arguments("basebackup", {"pgdata", "format", "wal-method", "xlog-method", "gzip", "version", "dbname",
                                       "host", "port", "username", "password"});
  postgresql.use_pg_rewind = section.boolean("use_pg_rewind");
  postgresql.remove_data_directory_on_rewind_failure = section.boolean("remove_data_directory_on_rewind_failure");
  postgresql.remove_data_directory_on_diverged_timelines =
      section.boolean("remove_data_directory_on_diverged_timelines");
  if (const auto timeout = section.integer("pg_ctl_timeout", 0, 86'400)) {
    postgresql.pg_ctl_timeout_s = static_cast<int>(*timeout);
  }
  read_replica_methods(section);
  section.unsupported({"proxy_address", "bin_name", "rewind", "pre_promote", "before_stop", "krbsrvname", "database",
                       "config_base_name", "parameters_primary", "parameters_replica", "parameters_standby_leader",
                       "pg_hba_primary", "pg_hba_replica", "pg_hba_standby_leader", "pg_ident_primary",
                       "pg_ident_replica", "pg_ident_standby_leader"});
  section.accept({"use_slots", "name", "scope", "maximum_lag_on_failover"});
  section.finish();
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
