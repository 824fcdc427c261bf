#include "ctl/session.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/profile.h"
#include "ctl/commands.h"
#include "ctl/member_facts.h"
#include "ctl/remembered.h"
#include "ctl/told_by_members.h"
#include "dcs/cluster_cache.h"
#include "dcs/connect.h"
#include "dcs/etcd_codec.h"
#include "net/http_client.h"
#include "wire/json.h"
#include "wire/python_json.h"

extern char** environ;

namespace tamada::ctl {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration dcs_timeout = 10s;
// Limits for a command that only reads. Together they are less than 2 s.
constexpr core::Duration etcd_patience = 800ms, several_patience = 600ms, first_patience = 500ms,
                         others_patience = 400ms;

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto sign = text.find('=');
    if (sign != text.npos) all.emplace(text.substr(0, sign), text.substr(sign + 1));
  }
  return all;
}

// The TLS options, or nullopt for a URL without TLS. By Patroni's rules a client takes its certificates and its
// password from certain sections; with a client certificate, `insecure` only skips the comparison of the server's name.
std::optional<net::TlsClient> rest_tls(const config::Local& local, const net::Url& url) {
  if (url.scheme != "https") return std::nullopt;
  const auto& ctl = local.ctl;
  return net::TlsClient{.ca_file = ctl.cacert.empty() ? local.restapi.cafile : ctl.cacert,
                        .cert_file = ctl.certfile,
                        .key_file = ctl.keyfile,
                        .key_password = ctl.keyfile_password,
                        .verify = !ctl.insecure || !ctl.certfile.empty(),
                        .verify_host = !ctl.insecure};
}

awaitable<bool> rest(core::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
  co_return true;
}

// The daemon's own configuration file on a node of the cluster; empty when there is none that this user may read.
std::string service_config_file() {
  for (const char* file : {"/etc/tamada/config.yml", "/etc/patroni/config.yml"}) {
    if (::access(file, R_OK) == 0) return file;
  }
  return "";
}

}  // namespace

core::Result<DcsUrl> parse_dcs_url(std::string_view text) {
  std::string scheme;
  if (const auto at = text.find("//"); at != text.npos) {
    scheme = text.substr(0, at);
    if (scheme.ends_with(':')) scheme.pop_back();
    text.remove_prefix(at + 2);
  }
  DcsUrl url;
  if (const auto slash = text.find('/'); slash != text.npos) {
    if (text.size() > slash + 1) url.namespace_ = text.substr(slash);
    text = text.substr(0, slash);
  }
  const auto colon = text.rfind(']') == text.npos ? text.rfind(':') : text.find(':', text.rfind(']'));
  std::string host(text.substr(0, colon));
  std::string port(colon == text.npos ? "" : text.substr(colon + 1));
  // As in Patroni, the port tells which store it is if the URL has no scheme.
  if (scheme.empty()) scheme = port == "8500" ? "consul" : port == "2181" ? "zookeeper" : "etcd3";
  if (scheme == "consul" || scheme == "zookeeper" || scheme == "exhibitor") {
    return core::fail("The dcs " + scheme + " is not supported: only etcd is");
  }
  const bool of_etcd = scheme == "http" || scheme == "https";
  if (!of_etcd && scheme != "etcd" && scheme != "etcd3") return core::fail("Unknown dcs scheme: " + scheme);
  if (host.empty()) host = "localhost";
  if (port.empty()) port = "2379";
  if (port.find_first_not_of("0123456789") != port.npos) return core::fail("The dcs url has no valid port: " + port);
  url.endpoint = (of_etcd ? scheme : "http") + "://" + host + ":" + port;
  return url;
}

std::unexpected<core::Error> fail(const std::string& what, const std::string& next) {
  return core::fail(what + "\nHint: " + next);
}

struct Session::Impl {
  config::Local local;
  asio::io_context io{1};
  std::unique_ptr<dcs::Dcs> etcd;

  core::Result<void> open_etcd() {
    if (etcd) return {};
    if (local.etcd.endpoints.empty()) {
      return fail("Can not find suitable configuration of distributed configuration store",
                  "name the configuration file with -c (or PATRONICTL_CONFIG_FILE), or etcd with -d host:port");
    }
    auto created = dcs::connect(local.etcd);
    if (!created) return std::unexpected(created.error());
    etcd = std::move(*created);
    return {};
  }

  // Adds to an error of etcd what the operator can do next.
  std::unexpected<core::Error> etcd_failed(const dcs::DcsError& error) const {
    std::string endpoints;
    for (const auto& endpoint : local.etcd.endpoints) endpoints += (endpoints.empty() ? "" : ",") + endpoint;
    return fail(error.what, error.kind == dcs::ErrorKind::unreachable
                                ? "is etcd running? etcdctl --endpoints=" + endpoints + " endpoint health"
                                : "see the section etcd3 of the configuration: username, password, cacert");
  }

  // Starts `work` in the background. `into` and `left`, which is one less when the work is done, must outlive it.
  template <class T>
  void begin(awaitable<T> work, std::optional<T>& into, std::size_t& left) {
    asio::co_spawn(
        io,
        [](awaitable<T> w, std::optional<T>& result, std::size_t& count) -> awaitable<void> {
          result.emplace(co_await std::move(w));
          --count;
        }(std::move(work), into, left),
        asio::detached);
  }

  template <class Condition>
  void run_until(Condition done) {
    io.restart();
    while (!done() && io.run_one() > 0) {
    }
  }

  template <class T>
  T run(awaitable<T> work) {
    std::optional<T> result;
    std::size_t left = 1;
    begin(std::move(work), result, left);
    run_until([&] { return left == 0; });
    return std::move(*result);
  }

  Whose whose(const std::string& cluster) const {
    return {.endpoints = local.etcd.endpoints, .prefix = local.namespace_ + cluster + "/"};
  }

  core::ClusterView view_of(const std::string& cluster, const dcs::Range& range) const {
    dcs::ClusterCache cache(whose(cluster).prefix);
    cache.reset(range);
    return cache.view();
  }

  dcs::DcsResult<dcs::Range> read(const std::string& cluster, core::Duration timeout) {
    auto range = run(etcd->range(whose(cluster).prefix, 0, timeout));
    const auto now = std::chrono::steady_clock::now();
    if (range && now >= next_memory) {
      remember(whose(cluster), *range, wall_now());
      next_memory = now + 1s;
    }
    return range;
  }

  // Reads from all of etcd's servers at once, because one of them may hang.
  dcs::DcsResult<dcs::Range> read_at_once(const std::string& cluster) {
    const auto& endpoints = local.etcd.endpoints;
    auto range = read(cluster, endpoints.size() > 1 ? several_patience : etcd_patience);
    if (range || endpoints.size() == 1 || range.error().kind != dcs::ErrorKind::unreachable) return range;
    std::vector<std::unique_ptr<dcs::Dcs>> servers;
    for (const auto& endpoint : endpoints) {
      auto only = local.etcd;
      only.endpoints = {endpoint};
      if (auto created = dcs::connect(only)) servers.push_back(std::move(*created));
    }
    std::vector<std::optional<dcs::DcsResult<dcs::Range>>> answers(servers.size());
    std::size_t left = servers.size();
    for (std::size_t i = 0; i < servers.size(); ++i) {
      begin(servers[i]->range(whose(cluster).prefix, 0, first_patience), answers[i], left);
    }
    run_until([&] { return left == 0; });
    for (auto& answer : answers) {
      if (*answer) return std::move(*answer);
    }
    return range;
  }

  // Asks all addresses for all paths at once.
  std::vector<Told> ask_members(const std::vector<std::string>& urls, const std::vector<std::string>& paths,
                                core::Duration timeout) {
    std::vector<std::optional<Answer>> answers(urls.size() * paths.size());
    std::size_t left = answers.size();
    for (std::size_t i = 0; i < answers.size(); ++i) {
      begin(timed(ask(urls[i / paths.size()], "GET", paths[i % paths.size()], "", timeout)), answers[i], left);
    }
    run_until([&] { return left == 0; });
    std::vector<Told> all;
    for (std::size_t i = 0; i < urls.size(); ++i) {
      auto& told = all.emplace_back(Told{.api_url = urls[i]});
      for (std::size_t j = 0; j < paths.size(); ++j) take(told, paths[j], *answers[i * paths.size() + j]);
    }
    return all;
  }

  static void take(Told& told, const std::string& path, const Answer& answer) {
    if (!answer.response) return;
    auto json = wire::parse_json(answer.response->body);
    if (!json) return;
    if (path == "history") {
      if (json->is_array() && answer.response->status == 200) told.history = std::move(json);
      return;
    }
    if (!json->is_object()) return;
    if (path == "patroni") {
      if (const auto* daemon = wire::find(*json, "patroni")) told.name = wire::text_at(*daemon, "name");
      told.patroni = std::move(json);
    } else if (answer.response->status == 200) {
      (path == "cluster" ? told.cluster : told.config) = std::move(json);
    }
  }

  // Asks all known members, and then the members that these name.
  std::vector<Told> ask_everybody(const std::string& cluster, const core::ClusterView& remembered) {
    std::vector<std::string> urls;
    const auto add = [&](const std::string& url) {
      if (!url.empty() && std::ranges::find(urls, url) == urls.end()) urls.push_back(url);
    };
    if (!local.restapi.connect_address.empty()) add(local.restapi.url());
    for (const auto& [name, member] : remembered.members) add(member.api_url);
    const auto others = [&](const Told& told) {
      const auto* daemon = told.patroni ? wire::find(*told.patroni, "patroni") : nullptr;
      return daemon == nullptr || wire::text_at(*daemon, "scope") != cluster;
    };
    auto told = ask_members(urls, {"patroni", "cluster", "config", "history"}, first_patience);
    std::erase_if(told, others);
    const auto asked = std::exchange(urls, {});
    for (const auto& one : told) {
      for (const auto& line : one.cluster.value_or(Json::object()).value("members", Json::array())) {
        if (const auto url = wire::text_at(line, "api_url"); std::ranges::find(asked, url) == asked.end()) add(url);
      }
    }
    auto more = ask_members(urls, {"patroni"}, others_patience);
    std::erase_if(more, others);
    std::ranges::move(more, std::back_inserter(told));
    return told;
  }

  core::Result<Sighting> look_elsewhere(const std::string& name, const dcs::DcsError& error) {
    const auto memory = recall(whose(name));
    const auto remembered = memory ? view_of(name, memory->range) : core::ClusterView();
    const double now = std::chrono::duration<double>(wall_now().time_since_epoch()).count();
    // The error is such as "etcd http://a:2379: http://a:2379: no answer within 0.8 s"; the address is shown once.
    const auto twice = error.what.find(": http");
    const auto begin = twice == error.what.npos ? 0 : twice + 2;
    Sighting sighting{
        {.name = name, .view = {}}, Sighting::Source::members, {"etcd does not answer: " + error.what.substr(begin)}};
    if (auto told = told_by_members(ask_everybody(name, remembered), remembered, now)) {
      sighting.view = std::move(told->view);
      std::ranges::move(told->notes, std::back_inserter(sighting.notes));
      return sighting;
    }
    if (!memory) return etcd_failed(error);
    sighting.source = Sighting::Source::memory;
    sighting.view = remembered;
    sighting.notes.push_back(fmt::format("no member answers either: what follows is what etcd told this host {} ago",
                                         format_age(std::chrono::duration<double>(wall_now() - memory->at).count())));
    return sighting;
  }

  std::chrono::steady_clock::time_point next_memory{};

  static awaitable<Answer> timed(awaitable<core::Result<net::HttpResponse>> work) {
    const auto sent = wall_now();
    const auto begun = std::chrono::steady_clock::now();
    auto response = co_await std::move(work);
    co_return Answer{.response = std::move(response), .sent = sent, .took = std::chrono::steady_clock::now() - begun};
  }

  awaitable<core::Result<net::HttpResponse>> ask(std::string api_url, std::string method, std::string path,
                                                 std::string body, core::Duration timeout) {
    auto url = net::Url::parse(api_url);
    if (!url) co_return std::unexpected(url.error());
    url->path.clear();
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = "/" + path;
    const bool own = !local.ctl.username.empty();
    const auto& username = own ? local.ctl.username : local.restapi.username;
    const auto& password = own ? local.ctl.password : local.restapi.password;
    // Reads need no password. If they sent one, a false api_url in etcd could collect the passwords of everybody who
    // runs a reading command.
    if (!username.empty() && request.method != "GET") {
      request.headers.emplace_back("Authorization", "Basic " + dcs::base64_encode(username + ":" + password));
    }
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    request.body = std::move(body);
    auto tls = rest_tls(local, *url);
    co_return co_await net::http_once(std::move(*url), std::move(tls), std::move(request), timeout);
  }
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session::~Session() = default;

core::Result<Session> Session::open(const SessionOptions& options) {
  std::error_code ignored;
  auto file = options.config_file;
  if (!std::filesystem::exists(file, ignored)) {
    if (options.config_file_given) {
      return core::fail(fmt::format(
          "Provided config file {} not existing or no read rights. Check the -c/--config-file parameter", file));
    }
    file = service_config_file();
  }
  auto loaded = config::load(file, environment(), config::Purpose::ctl);
  if (!loaded) return std::unexpected(loaded.error());
  auto impl = std::make_unique<Impl>();
  impl->local = std::move(loaded->local);
  impl->local.ctl.insecure |= options.insecure;
  if (options.dcs_url) {
    auto url = parse_dcs_url(*options.dcs_url);
    if (!url) return std::unexpected(url.error());
    impl->local.etcd.endpoints = {url->endpoint};
    if (!url->namespace_.empty())
      impl->local.namespace_ = url->namespace_ + (url->namespace_.ends_with('/') ? "" : "/");
  }
  return Session(std::move(impl));
}

const config::Local& Session::local() const { return impl_->local; }

core::Result<std::string> Session::cluster_name(const std::string& given) const {
  if (!given.empty()) return given;
  if (!impl_->local.scope.empty()) return impl_->local.scope;
  return fail("No cluster name was provided, and the configuration has no scope",
              "name the cluster behind the command, or the configuration file with -c (or PATRONICTL_CONFIG_FILE)");
}

core::Result<Cluster> Session::find(const std::string& given) {
  const auto name = cluster_name(given);
  if (!name) return std::unexpected(name.error());
  auto view = cluster(*name);
  if (!view) return std::unexpected(view.error());
  if (!exists(*view) && !keeps_patronictl_status()) return no_members(*name);
  return Cluster{.name = *name, .view = std::move(*view)};
}

core::Result<Sighting> Session::look(const std::string& given, bool must_exist) {
  const auto name = cluster_name(given);
  if (!name) return std::unexpected(name.error());
  if (auto opened = impl_->open_etcd(); !opened) return std::unexpected(opened.error());
  const auto seen_in_etcd = [&](core::ClusterView view) -> core::Result<Sighting> {
    if (must_exist && !exists(view) && !keeps_patronictl_status()) return no_members(*name);
    return Sighting{{.name = *name, .view = std::move(view)}};
  };
  const auto range = impl_->read_at_once(*name);
  if (range) return seen_in_etcd(impl_->view_of(*name, *range));
  if (range.error().kind != dcs::ErrorKind::unreachable) return impl_->etcd_failed(range.error());
  auto sighting = impl_->look_elsewhere(*name, range.error());
  if (sighting) return sighting;
  auto slow = cluster(*name);  // no member is known, so etcd gets its usual time limit
  if (!slow) return std::unexpected(slow.error());
  return seen_in_etcd(std::move(*slow));
}

std::unexpected<core::Error> Session::no_members(const std::string& cluster) {
  const auto error = cluster + " cluster doesn't have any members";
  const auto names = cluster_names();
  if (!names || std::ranges::find(*names, cluster) != names->end()) return core::fail(error);
  std::string all;
  for (const auto& name : *names) all += (all.empty() ? "" : ", ") + name;
  return fail(error, "the clusters in " + local().namespace_ + " are: " + (all.empty() ? "none" : all));
}

core::Result<std::vector<std::string>> Session::cluster_names() {
  if (auto opened = impl_->open_etcd(); !opened) return std::unexpected(opened.error());
  const auto& prefix = impl_->local.namespace_;
  const auto range = impl_->run(impl_->etcd->range(prefix, 0, dcs_timeout));
  if (!range) return impl_->etcd_failed(range.error());
  std::vector<std::string> names;
  for (const auto& kv : range->keys) {  // in the order of the keys
    const auto name = kv.key.substr(prefix.size(), kv.key.find('/', prefix.size()) - prefix.size());
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

core::Result<core::ClusterView> Session::cluster(const std::string& name) {
  if (auto opened = impl_->open_etcd(); !opened) return std::unexpected(opened.error());
  const auto range = impl_->read(name, dcs_timeout);
  if (!range) return impl_->etcd_failed(range.error());
  return impl_->view_of(name, *range);
}

core::Result<bool> Session::write(const std::string& cluster, const std::string& key, const std::string& value,
                                  std::optional<core::Revision> expected) {
  if (auto opened = impl_->open_etcd(); !opened) return std::unexpected(opened.error());
  const auto whole = impl_->local.namespace_ + cluster + "/" + key;
  std::vector<dcs::Compare> compares;
  if (expected) compares.push_back({.what = dcs::Compare::What::mod_revision, .key = whole, .revision = *expected});
  auto done = impl_->run(impl_->etcd->txn(compares, {dcs::Put{.key = whole, .value = value}}, dcs_timeout));
  if (!done) return impl_->etcd_failed(done.error());
  return done->succeeded;
}

core::Result<std::map<std::string, std::string>> Session::keys_with_values(const std::string& cluster) {
  if (auto opened = impl_->open_etcd(); !opened) return std::unexpected(opened.error());
  const auto prefix = impl_->whose(cluster).prefix;
  const auto range = impl_->run(impl_->etcd->range(prefix, 0, dcs_timeout));
  if (!range) return impl_->etcd_failed(range.error());
  std::map<std::string, std::string> values;
  for (const auto& kv : range->keys) values.emplace(kv.key.substr(prefix.size()), kv.value);
  return values;
}

core::Result<std::vector<std::string>> Session::keys(const std::string& cluster) {
  const auto values = keys_with_values(cluster);
  if (!values) return std::unexpected(values.error());
  std::vector<std::string> names;
  for (const auto& [name, value] : *values) names.push_back(name);
  return names;
}

core::Result<void> Session::remove(const std::string& cluster) {
  if (auto opened = impl_->open_etcd(); !opened) return opened;
  const dcs::Delete all{.key = impl_->local.namespace_ + cluster + "/", .prefix = true};
  auto done = impl_->run(impl_->etcd->txn({}, {all}, dcs_timeout));
  if (!done) return impl_->etcd_failed(done.error());
  return {};
}

core::Result<net::HttpResponse> Session::request(const core::Member& member, const std::string& method,
                                                 const std::string& path, const nlohmann::ordered_json* body,
                                                 core::Duration timeout) {
  return impl_->run(impl_->ask(member.api_url, method, path, body ? wire::dump_python(*body) : "", timeout));
}

std::vector<Answer> Session::request_all(const std::vector<core::Member>& members, const std::string& path,
                                         core::Duration timeout) {
  return request_all(members, std::vector<std::string>(members.size(), path), timeout);
}

std::vector<Answer> Session::request_all(const std::vector<core::Member>& members,
                                         const std::vector<std::string>& paths, core::Duration timeout) {
  std::vector<std::optional<Answer>> answers(members.size());
  std::size_t left = members.size();
  for (std::size_t i = 0; i < members.size(); ++i) {
    impl_->begin(Impl::timed(impl_->ask(members[i].api_url, "GET", paths[i], "", timeout)), answers[i], left);
  }
  impl_->run_until([&] { return left == 0; });
  std::vector<Answer> all;
  for (auto& answer : answers) all.push_back(std::move(*answer));
  return all;
}

core::Result<net::HttpResponse> Session::request_watched(const core::Member& member, const std::string& method,
                                                         const std::string& path, const nlohmann::ordered_json& body,
                                                         core::Duration timeout, const std::string& watched,
                                                         std::function<void(const net::HttpResponse&)> look) {
  std::optional<Answer> answer, seen;
  std::size_t left = 1, looking = 0;
  impl_->begin(Impl::timed(impl_->ask(member.api_url, method, path, wire::dump_python(body), timeout)), answer, left);
  for (;;) {
    const bool last = left == 0;  // asks once more after the answer
    seen.reset();
    looking = 1;
    impl_->begin(Impl::timed(impl_->ask(member.api_url, "GET", watched, "", 2s)), seen, looking);
    impl_->run_until([&] { return looking == 0; });
    if (seen->response) look(*seen->response);
    if (last) break;
    impl_->run(rest(50ms));
  }
  return std::move(answer->response);
}

std::vector<Answer> Session::ask_etcd(const std::vector<std::string>& endpoints, const std::string& path,
                                      core::Duration timeout) {
  const auto& etcd = impl_->local.etcd;
  std::vector<std::optional<Answer>> answers(endpoints.size());
  std::size_t left = 0;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto url = net::Url::parse(endpoints[i]);
    if (!url) {
      answers[i] = Answer{.response = std::unexpected(url.error())};
      continue;
    }
    std::optional<net::TlsClient> tls;
    if (url->scheme == "https") {
      tls = net::TlsClient{.ca_file = etcd.cacert, .cert_file = etcd.cert, .key_file = etcd.key};
    }
    net::HttpRequest request{.method = "POST", .target = path, .body = "{}"};
    ++left;
    impl_->begin(Impl::timed(net::http_once(*url, std::move(tls), std::move(request), timeout)), answers[i], left);
  }
  impl_->run_until([&] { return left == 0; });
  std::vector<Answer> all;
  for (auto& answer : answers) all.push_back(std::move(*answer));
  return all;
}

bool exists(const core::ClusterView& view) {
  return !view.members.empty() || view.initialize || view.config_json || view.leader || view.history || view.status;
}

std::vector<core::Member> members_leader_first(const core::ClusterView& view) {
  std::vector<core::Member> members;
  const auto* leader = view.leader_member();
  if (leader && !leader->api_url.empty()) members.push_back(*leader);
  for (const auto& [name, member] : view.members) {
    if (&member != leader && !member.api_url.empty()) members.push_back(member);
  }
  return members;
}

std::int64_t loop_wait_s(const core::ClusterView& view) {
  const auto config = wire::parse_object(view.config_json.value_or(""));
  const auto given = config ? wire::integer_at(config::with_profile(*config), "loop_wait") : std::nullopt;
  return given && *given > 0 ? *given : 10;
}

core::WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string timestamp(int digits, char point) {
  const auto now = std::chrono::system_clock::now();
  auto text = fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::chrono::system_clock::to_time_t(now)));
  if (digits == 0) return text;
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
  return text + fmt::format("{}{:06}", point, micros).substr(0, static_cast<std::size_t>(digits) + 1);
}

}  // namespace tamada::ctl
