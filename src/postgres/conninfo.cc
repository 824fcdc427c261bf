#include "postgres/conninfo.h"

#include "core/server_features.h"

namespace tamada::postgres {
namespace {

void add(Conninfo& to, std::string name, const std::string& value) {
  if (!value.empty()) to.emplace_back(std::move(name), value);
}

std::string escaped(std::string_view text, std::string_view specials) {
  std::string result;
  for (const char c : text) {
    if (specials.contains(c)) result.push_back('\\');
    result.push_back(c);
  }
  return result;
}

std::string doubled(std::string_view text, char quote) {
  std::string result;
  for (const char c : text) {
    if (c == quote) result.push_back(c);
    result.push_back(c);
  }
  return result;
}

void add_tls(Conninfo& to, const config::Credentials& credentials, int server_version) {
  add(to, "sslcert", credentials.sslcert);
  add(to, "sslkey", credentials.sslkey);
  if (core::features::has_channel_binding(server_version)) add(to, "sslpassword", credentials.sslpassword);
  add(to, "sslrootcert", credentials.sslrootcert);
  add(to, "sslcrl", credentials.sslcrl);
  if (core::features::has_sslcrldir(server_version)) add(to, "sslcrldir", credentials.sslcrldir);
}

void add_channel(Conninfo& to, const config::Credentials& credentials, int server_version, bool with_defaults) {
  const auto given = [with_defaults](const std::string& value) {
    return value.empty() && with_defaults ? std::string("prefer") : value;
  };
  if (core::features::has_gssencmode(server_version)) add(to, "gssencmode", given(credentials.gssencmode));
  if (core::features::has_channel_binding(server_version))
    add(to, "channel_binding", given(credentials.channel_binding));
  if (core::features::has_sslnegotiation(server_version)) {
    const bool plain = credentials.sslnegotiation.empty() && with_defaults;
    add(to, "sslnegotiation", plain ? "postgres" : credentials.sslnegotiation);
  }
}

// By the kernel's defaults, a WAL receiver notices only after two hours that its primary has gone without closing the
// connection, and PostgreSQL sets no limit while it connects. With these settings it notices after 10 s if the other
// host answers that it knows no such connection, and after 25 s if there is no answer.
void add_keepalives(Conninfo& to) {
  add(to, "keepalives_idle", "10");
  add(to, "keepalives_interval", "5");
  add(to, "keepalives_count", "3");
}

}  // namespace

Conninfo authentication(const config::Credentials& credentials, int server_version) {
  Conninfo result;
  add(result, "user", credentials.username);
  add(result, "sslmode", credentials.sslmode);
  add_tls(result, credentials, server_version);
  add(result, "krbsrvname", credentials.krbsrvname);
  add_channel(result, credentials, server_version, false);
  return result;
}

Conninfo to_upstream(const core::Upstream& upstream, const config::Credentials& credentials, int server_version,
                     const std::string& passfile, const std::string& application_name) {
  Conninfo result;
  add(result, "dbname", database_of(upstream.conn_url));
  add(result, "user", credentials.username);
  add(result, "passfile", passfile);
  add(result, "host", upstream.host);
  add(result, "port", upstream.port.empty() ? "5432" : upstream.port);
  add(result, "sslmode", credentials.sslmode.empty() ? "prefer" : credentials.sslmode);
  add_tls(result, credentials, server_version);
  add(result, "application_name", application_name);
  add(result, "krbsrvname", credentials.krbsrvname);
  add_channel(result, credentials, server_version, true);
  add_keepalives(result);
  return result;
}

std::string format(const Conninfo& conninfo) {
  std::string result;
  for (const auto& [name, value] : conninfo) {
    if (!result.empty()) result.push_back(' ');
    result += name + "=" + (value.empty() ? "''" : escaped(value, "'\\ \t\n\v\f\r"));
  }
  return result;
}

std::string database_of(std::string_view conn_url) {
  auto at = conn_url.find("://");
  if (at == std::string_view::npos) return "postgres";
  at = conn_url.find('/', at + 3);
  if (at == std::string_view::npos) return "postgres";
  const auto path = conn_url.substr(at + 1, conn_url.find('?', at) - at - 1);
  return path.empty() ? "postgres" : std::string(path);
}

std::vector<std::pair<std::string, std::string>> hosts_and_ports(const std::string& hosts, const std::string& ports) {
  std::vector<std::pair<std::string, std::string>> result;
  const auto next = [](const std::string& list, std::size_t& at) {
    const auto end = std::min(list.find(',', at), list.size());
    const auto item = list.substr(at, end - at);
    at = end + 1;
    return item;
  };
  std::size_t host_at = 0, port_at = 0;
  std::string port;
  while (host_at <= hosts.size()) {
    if (port_at <= ports.size()) port = next(ports, port_at);
    result.emplace_back(next(hosts, host_at), port);
  }
  return result;
}

std::string pgpass_line(const std::string& host, const std::string& port, const config::Credentials& credentials) {
  if (credentials.password.empty()) return "";
  // A field with a line break is refused, because the writer of a host name could add lines to the file by it.
  const auto breaks = [](const std::string& text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
  };
  if (breaks(host + port + credentials.username + credentials.password)) return "";
  const auto field = [](const std::string& text) { return text.empty() ? std::string("*") : escaped(text, "\\:"); };
  std::string lines;
  for (const auto& [one, its_port] : hosts_and_ports(host, port)) {
    lines += field(one) + ":" + field(its_port) + ":*:" + field(credentials.username) + ":" +
             field(credentials.password) + "\n";
  }
  return lines;
}

std::string quote_literal(std::string_view text) {
  // A backslash needs E'', because its meaning in '' depends on standard_conforming_strings.
  if (!text.contains('\\')) return "'" + doubled(text, '\'') + "'";
  return " E'" + doubled(doubled(text, '\''), '\\') + "'";
}

std::string quote_identifier(std::string_view text) { return "\"" + doubled(text, '"') + "\""; }

}  // namespace tamada::postgres
