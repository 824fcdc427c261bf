#include "config/environment.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "config/dynamic.h"

namespace tamada::config {
namespace {

using Json = nlohmann::ordered_json;

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

class Reader {
 public:
  explicit Reader(const std::map<std::string, std::string>& environment) : environment_(environment) {
    document_.value = Json::object();
  }

  // PATRONI_<PREFIX>_<KEY> -> path.key; an empty variable counts as absent, as in Patroni.
  void take(std::string_view prefix, std::string_view path, std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) {
      const std::string name = prefix.empty() ? upper(key) : std::string(prefix) + "_" + upper(key);
      take_as(name, join_path(path, key), key == "hosts" || key == "allowlist");
    }
  }

  void take_as(const std::string& name, const std::string& path, bool is_list = false) {
    const auto found = environment_.find("PATRONI_" + name);
    if (found == environment_.end() || found->second.empty()) return;
    Json* place = &document_.value;
    for (std::string_view rest = path;;) {
      const auto dot = rest.find('.');
      place = &(*place)[std::string(rest.substr(0, dot))];
      if (dot == rest.npos) break;
      rest.remove_prefix(dot + 1);
    }
    *place = is_list ? list(found->second) : Json(found->second);
    document_.origins[path] = found->first;
  }

  Document done() { return std::move(document_); }

 private:
  // "'a:1','b:2'", "a:1,b:2" or a YAML list.
  static Json list(const std::string& text) {
    const auto first = text.find_first_not_of(' ');
    const bool is_yaml = text.contains('[') || (first != text.npos && text[first] == '-');
    auto parsed = parse_yaml(is_yaml ? text : "[" + text + "]", "");
    return parsed && parsed->value.is_array() ? parsed->value : Json(text);
  }

  const std::map<std::string, std::string>& environment_;
  Document document_;
};

}  // namespace

Document environment_document(const std::map<std::string, std::string>& environment) {
  Reader reader(environment);
  reader.take("", "", {"name", "namespace", "scope"});
  reader.take_as("LOGLEVEL", "log.level");  // the older name; the newer one, if there, wins
  reader.take("LOG", "log",
              {"type", "level", "traceback_level", "format", "dateformat", "static_fields", "max_queue_size", "dir",
               "mode", "file_size", "file_num", "loggers", "deduplicate_heartbeat_logs"});
  reader.take("RESTAPI", "restapi",
              {"listen", "connect_address", "certfile", "keyfile", "keyfile_password", "cafile", "ciphers",
               "verify_client", "http_extra_headers", "https_extra_headers", "allowlist", "allowlist_include_members",
               "request_queue_size", "server_tokens"});
  reader.take("RESTAPI", "restapi.authentication", {"username", "password"});
  reader.take("CTL", "ctl", {"insecure", "cacert", "certfile", "keyfile", "keyfile_password"});
  reader.take("CTL", "ctl.authentication", {"username", "password"});
  reader.take("POSTGRESQL", "postgresql",
              {"listen", "connect_address", "proxy_address", "config_dir", "data_dir", "pgpass", "bin_dir"});
  reader.take("POSTGRESQL_BIN", "postgresql.bin_name",
              {"pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"});
  for (const auto user : {"superuser", "replication", "rewind"}) {
    reader.take(upper(user), std::string("postgresql.authentication.") + user,
                {"username", "password", "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl",
                 "sslcrldir", "gssencmode", "channel_binding", "sslnegotiation"});
  }
  for (const auto dcs : {"etcd", "etcd3"}) {
    reader.take(upper(dcs), dcs,
                {"host", "hosts", "port", "use_proxies", "protocol", "srv", "srv_suffix", "url", "proxy", "cacert",
                 "cert", "key", "username", "password"});
  }
  return reader.done();
}

void lay_over(Document& document, const Document& over) {
  if (!document.value.is_object()) document.value = Json::object();
  document.value = merge(std::move(document.value), over.value);
  for (const auto& [path, origin] : over.origins) {
    // A variable for restapi.authentication.username says nothing of where `restapi` itself stands.
    document.origins.insert_or_assign(path, origin);
  }
}

}  // namespace tamada::config
