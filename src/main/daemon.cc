// The daemon's program: only here the parts are put together.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>
#include <random>

#include "agent/agent.h"
#include "agent/http_peers.h"
#include "agent/log_options.h"
#include "agent/measured_dcs.h"
#include "agent/notifier.h"
#include "agent/service_manager.h"
#include "agent/surroundings.h"
#include "api/routes.h"
#include "config/judge.h"
#include "config/profile.h"
#include "core/presentation.h"
#include "dcs/connect.h"
#include "fence/fences.h"
#include "fence/guard.h"
#include "fence/watchdog.h"
#include "net/http_server.h"
#include "net/log.h"
#include "net/process.h"
#include "postgres/local_postgres.h"
#include "preflight/preflight.h"
#include "setup/command_line.h"
#include "setup/generate_config.h"
#include "setup/validate_config.h"

extern char** environ;

namespace {

using namespace tamada;

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != text.npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

// Removes the variables from the environment, because they hold passwords, and callbacks and PostgreSQL would inherit
// them. Patroni removes them, too.
void hide_variables(const std::map<std::string, std::string>& variables) {
  for (const auto& [name, value] : variables) {
    if (name.starts_with("PATRONI_")) ::unsetenv(name.c_str());
  }
}

net::HttpServerOptions server_options(const config::RestApi& rest) {
  net::HttpServerOptions options;
  options.address = rest.listen_host;
  options.port = rest.listen_port;
  // Patroni's default of 5 suits a server that handles its connections one by one. Here it means the kernel's own
  // limit.
  options.backlog = rest.request_queue_size > 5 ? rest.request_queue_size : 0;
  if (!rest.certfile.empty()) {
    options.tls = net::TlsServer{.cert_file = rest.certfile,
                                 .key_file = rest.keyfile,
                                 .key_password = rest.keyfile_password,
                                 .ca_file = rest.cafile,
                                 .ciphers = rest.ciphers,
                                 .verify_client = rest.verify_client == "required"   ? net::TlsServer::Verify::required
                                                  : rest.verify_client == "optional" ? net::TlsServer::Verify::optional
                                                                                     : net::TlsServer::Verify::none};
  }
  return options;
}

// A name that no other run of the daemon has.
std::string instance() {
  static const std::string id = [] {
    std::random_device random;
    return std::to_string(random()) + "-" + std::to_string(random());
  }();
  return id;
}

// Reads keys of all clusters of a namespace, beginning behind `after`. A portion is so small that reading it delays
// nothing.
asio::awaitable<core::Result<api::KeysPage>> read_portion(std::shared_ptr<dcs::Listing> listing, std::string prefix,
                                                          std::string after) {
  constexpr int portion = 100;
  if (!after.empty()) after = prefix + after;
  auto range = co_await listing->range_after(prefix, std::move(after), portion, std::chrono::seconds(3));
  if (!range) co_return core::fail(range.error().what);
  api::KeysPage page{.keys = {}, .more = range->count > static_cast<std::int64_t>(range->keys.size())};
  for (auto& kv : range->keys) {
    page.keys.emplace_back(kv.key.substr(prefix.size()), wire::RawKey{.value = std::move(kv.value),
                                                                      .mod_revision = kv.mod_revision,
                                                                      .create_revision = kv.create_revision,
                                                                      .lease = std::move(kv.lease)});
  }
  co_return page;
}

api::ReadKeys read_keys(std::shared_ptr<dcs::Listing> listing) {
  return [listing = std::move(listing)](std::string in, std::string after) {
    return read_portion(listing, std::move(in), std::move(after));
  };
}

asio::awaitable<core::Result<api::NamesPage>> list_portion(std::shared_ptr<dcs::Listing> listing, std::string after) {
  constexpr int portion = 1000;
  auto range = co_await listing->names_after("/", std::move(after), portion, std::chrono::seconds(3));
  if (!range) co_return core::fail(range.error().what);
  api::NamesPage page{.names = {}, .more = range->count > static_cast<std::int64_t>(range->keys.size())};
  for (auto& kv : range->keys) page.names.push_back(std::move(kv.key));
  co_return page;
}

api::RestApiOptions api_options(const config::Local& local, std::shared_ptr<api::Telemetry> telemetry,
                                std::shared_ptr<dcs::Listing> listing, api::LookAround look_around) {
  api::RestApiOptions options;
  options.look_around = std::move(look_around);
  options.read_keys = read_keys(listing);
  options.list_names = [listing = std::move(listing)](std::string after) {
    return list_portion(listing, std::move(after));
  };
  options.namespace_ = local.namespace_;
  options.telemetry = std::move(telemetry);
  options.scope = local.scope;
  options.name = local.name;
  options.username = local.restapi.username;
  options.password = local.restapi.password;
  const auto& rest = local.restapi;
  options.require_client_certificate = !rest.certfile.empty() && rest.verify_client != "none";
  std::vector<std::string> problems;
  options.allowlist = api::Allowlist(rest.allowlist, problems);
  for (const auto& problem : problems) log::error("{}", problem);
  options.allow_members = rest.allowlist_include_members;
  options.extra_headers = rest.http_extra_headers;
  if (!rest.certfile.empty()) {
    std::ranges::copy(rest.https_extra_headers, std::back_inserter(options.extra_headers));
  }
  options.own_headers = {{agent::HttpPeers::instance_header, instance()}};
  if (rest.server_tokens == "productonly") options.own_headers.emplace_back("Server", "Patroni");
  if (rest.server_tokens == "minimal")
    options.own_headers.emplace_back("Server", "Patroni/" + std::string(core::compatible_version));
  options.judge_config = [](const config::Json& before, const config::Json& after, int server_version,
                            const wire::ServerParameters& own) {
    auto judged = config::judge_change(before, after, server_version, own);
    return api::ConfigVerdict{std::move(judged.errors), std::move(judged.warnings), std::move(judged.effects),
                              std::move(judged.restarts)};
  };
  options.read_configuration = [](const config::Json& config, int server_version) {
    return diagnosis::ClusterFacts::Configuration{.in_effect = config::with_profile(config),
                                                  .mistakes = config::mistakes_in(config, server_version)};
  };
  options.ui = rest.ui;
  options.ask_peer = api::ask_by_http(agent::peer_tls(local), std::chrono::seconds(2));
  options.tell_peer = api::tell_by_http(agent::peer_tls(local));
  return options;
}

fence::WatchdogOptions watchdog_options(const config::Watchdog& watchdog) {
  using Mode = fence::WatchdogOptions::Mode;
  return {.mode = watchdog.mode == "off"        ? Mode::off
                  : watchdog.mode == "required" ? Mode::required
                                                : Mode::automatic,
          .device = watchdog.device,
          .safety_margin_s = watchdog.safety_margin_s,
          .testing = watchdog.driver == "testing"};
}

// Measures how late a timer of the event loop fires, because everything else in the loop is as late.
asio::awaitable<void> measure_loop(net::Clock& clock, std::shared_ptr<api::Telemetry> telemetry) {
  for (;;) {
    const auto due = clock.now() + std::chrono::seconds(1);
    co_await clock.sleep_until(due);
    telemetry->loop_lag.observe(clock.now() - due);
  }
}

// The objects that live as long as the daemon. They are created in this order and destroyed in the reverse order.
class Daemon {
 public:
  Daemon(std::string file, std::map<std::string, std::string> variables, config::Loaded loaded,
         net::NotifySocket notify)
      : file_(std::move(file)),
        variables_(std::move(variables)),
        files_(loaded.local.postgresql.data_dir),
        consents_(loaded.local.postgresql.data_dir),
        configuration_(std::move(loaded.local), files_.read(agent::configuration_copy)),
        service_manager_(io_.get_executor(), clock_, board_, std::move(notify)) {
    configuration_.warnings_of_file(std::move(loaded.warnings));
  }

  [[noreturn]] void run() {
    const auto& local = configuration_.local();
    auto dcs = dcs::connect(local.etcd);
    if (!dcs) refuse(dcs.error().what);
    auto connected = dcs::connect_listing(local.etcd);
    if (!connected) refuse(connected.error().what);
    const std::shared_ptr<dcs::Listing> listing = std::move(*connected);
    postgres::LocalPostgres postgres(io_.get_executor(), local,
                                     [this]() -> const config::Json& { return configuration_.dynamic(); });
    fence::Guard guard(io_.get_executor(), fence::guard_program(), local.postgresql.data_dir);
    guard.enable(local.watchdog.guard);
    fence::Watchdog watchdog(watchdog_options(local.watchdog));
    fence::Fences fences({&guard, &watchdog});
    agent::HttpPeers peers(agent::peer_tls(local), agent::peer_authorization(local), instance());
    agent::MeasuredDcs measured(**dcs, clock_, *telemetry_);
    agent::Agent agent({.executor = io_.get_executor(),
                        .clock = clock_,
                        .dcs = measured,
                        .postgres = postgres,
                        .peers = peers,
                        .configuration = configuration_,
                        .files = files_,
                        .consents = consents_,
                        .board = board_,
                        .fence = fences,
                        .noticed = [this] { return noticed_(); }});
    agent::Surroundings surroundings(io_.get_executor(), clock_,
                                     std::bind_front(&postgres::LocalPostgres::rewind_functions_missing, &postgres));
    const api::LookAround look_around = [this, &surroundings] { return surroundings.look(configuration_.local()); };
    api::RestApi rest(io_.get_executor(), board_, agent, clock_, api_options(local, telemetry_, listing, look_around));
    agent::Notifier notifier(io_.get_executor(), clock_, board_, rest.journal(), telemetry_, instance(), local.notify);
    net::HttpServer server(
        io_.get_executor(), server_options(local.restapi),
        [&rest](std::string_view method, std::string_view target) { return rest.fast(method, target); },
        [&rest](net::HttpRequest request) { return rest.handle(std::move(request)); });
    if (auto listening = server.listen(); !listening) refuse(listening.error().what);
    noticed_ = [this, &store = **dcs, &peers, &server] {
      core::Problems found;
      for (const auto& text : {server.certificate_trouble(), store.certificate_trouble(), peers.certificate_trouble()})
        if (!text.empty()) found.push_back({.kind = core::ProblemKind::certificate, .text = text});
      if (!rest_trouble_.empty()) found.push_back({.kind = core::ProblemKind::configuration, .text = rest_trouble_});
      return found;
    };
    agent.on_reload([this, &rest, &notifier, &peers, &server, &guard, &watchdog, listing, look_around] {
      auto again = config::load(file_, variables_);
      service_manager_.reloaded();
      if (!again) return again;
      if (auto configured = agent::configure_log(again->local.log); !configured) {
        return core::Result<config::Loaded>(std::unexpected(configured.error()));
      }
      rest.configure(api_options(again->local, telemetry_, listing, look_around));
      notifier.configure(again->local.notify);
      peers.configure(agent::peer_tls(again->local), agent::peer_authorization(again->local));
      guard.enable(again->local.watchdog.guard);
      watchdog.configure(watchdog_options(again->local.watchdog));
      const auto reloaded = server.reload(server_options(again->local.restapi));
      rest_trouble_ = reloaded ? "" : "the REST API goes on as before: " + reloaded.error().what;
      if (!reloaded) log::error("{}", rest_trouble_);
      return again;
    });

    asio::co_spawn(io_, measure_loop(clock_, telemetry_), asio::detached);
    int code = 1;
    await_signals(agent);
    asio::co_spawn(io_, agent.run(), [this, &code](std::exception_ptr thrown, int result) {
      code = thrown ? 1 : result;
      if (thrown) log_thrown(thrown);
      io_.stop();
    });
    io_.run();
    log::stop();
    // Exits without unwinding the coroutines that still wait. PostgreSQL runs on, and need not be waited for.
    std::_Exit(code);
  }

 private:
  // Ends the program at once, because nothing that needs an orderly end has been started yet.
  [[noreturn]] void refuse(const std::string& why) {
    log::critical("{}", why);
    log::stop();
    std::_Exit(1);
  }

  static void log_thrown(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      log::critical("ended by an unexpected error: {}", error.what());
    }
  }

  void await_signals(agent::Agent& agent) {
    signals_.async_wait([this, &agent](boost::system::error_code error, int number) {
      if (error) return;
      if (number == SIGHUP) {
        service_manager_.reloading();
        agent.reload();
      } else {
        service_manager_.stopping();
        agent.shutdown();
      }
      await_signals(agent);
    });
  }

  std::function<core::Problems()> noticed_ = [] { return core::Problems(); };
  std::string rest_trouble_;  // why the last reload did not change the REST API
  std::string file_;
  std::map<std::string, std::string> variables_;
  agent::DataDirectoryFiles files_;
  agent::SharedMemoryNote consents_;
  agent::Configuration configuration_;
  asio::io_context io_{1};
  asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
  net::SystemClock clock_;
  api::Board board_;
  std::shared_ptr<api::Telemetry> telemetry_ = std::make_shared<api::Telemetry>();
  agent::ServiceManager service_manager_;
};

}  // namespace

int main(int argc, char** argv) {
  setup::Arguments arguments;
  if (const auto status = setup::parse_command_line(argc, argv, arguments)) return *status;
  auto variables = environment();
  using enum setup::Arguments::Task;
  if (arguments.task == check) return preflight::run(arguments.file, variables);
  if (arguments.task == validate) return setup::validate_config(arguments, variables);
  if (arguments.task == generate || arguments.task == generate_sample) {
    return setup::generate_config(arguments, variables);
  }
  std::signal(SIGPIPE, SIG_IGN);
  net::keep_memory_out_of_core_dumps();
  auto notify = net::NotifySocket::take_from_environment();
  auto loaded = config::load(arguments.file, variables);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().what.c_str());
    return 1;
  }
  hide_variables(variables);
  log::start(log::Level::info, static_cast<std::size_t>(loaded->local.log.max_queue_size));
  if (auto configured = agent::configure_log(loaded->local.log); !configured) {
    std::fprintf(stderr, "%s\n", configured.error().what.c_str());
    log::stop();
    return 1;
  }
  Daemon(arguments.file, std::move(variables), std::move(*loaded), std::move(notify)).run();
}
