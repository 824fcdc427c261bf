// The REST API: what every request answers, with Patroni's paths, statuses, texts and JSON.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "api/allowlist.h"
#include "api/board.h"
#include "api/clusters.h"
#include "api/commands.h"
#include "api/event_stream.h"
#include "api/journal.h"
#include "api/namespaces.h"
#include "api/other_members.h"
#include "api/publications.h"
#include "api/request_target.h"
#include "api/samples.h"
#include "api/status_json.h"
#include "api/telemetry.h"
#include "diagnosis/facts.h"
#include "net/clock.h"
#include "net/http.h"
#include "net/stream.h"

namespace tamada::api {

// What a change of the dynamic configuration would do. server_version: our server's, 0 when it is not known. own: what
// that server tells about its parameters.
struct ConfigVerdict {
  std::vector<std::string> errors, warnings, effects;
  std::vector<std::string> restarts;  // parameters that take effect only after a restart
};
using JudgeConfig =
    std::function<ConfigVerdict(const nlohmann::ordered_json& before, const nlohmann::ordered_json& after,
                                int server_version, const wire::ServerParameters& own)>;

// What the configuration means as a whole, for the findings of /tamada/doctor.
using ReadConfiguration =
    std::function<diagnosis::ClusterFacts::Configuration(const nlohmann::ordered_json& config, int server_version)>;

// Asks etcd's servers, reads the certificates, and looks at the rights of pg_rewind, for the same findings.
using LookAround = std::function<awaitable<diagnosis::Surroundings>()>;

struct RestApiOptions {
  std::string scope, name;
  std::string username, password;           // both empty: requests that change something need no password
  bool require_client_certificate = false;  // of the requests that change something
  // The addresses, networks and names that may send requests that change something; with allow_members, the members'
  // api_urls may, too. If both are unset, every address may.
  Allowlist allowlist;
  bool allow_members = false;
  std::vector<std::pair<std::string, std::string>> extra_headers;  // Patroni's http_extra_headers
  std::vector<std::pair<std::string, std::string>> own_headers;    // of every answer
  std::shared_ptr<Telemetry> telemetry;                            // null when nothing is measured
  JudgeConfig judge_config;                                        // empty when any object is accepted
  ReadConfiguration read_configuration;                            // empty: no mistake in it is found
  LookAround look_around;                                          // empty: nothing of this is known
  AskPeer ask_peer;                                                // empty: by HTTP without certificates, with a limit
                                                                   // of 2 s
  TellPeer tell_peer;                                              // empty: by HTTP without certificates
  ReadKeys read_keys;                                              // of all clusters of a namespace; empty: none
  ListNames list_names;                                            // of all keys in etcd; empty: none
  std::string namespace_;                                          // of this cluster
  bool ui = true;                                                  // whether the dashboard is served
};

// HttpServer calls fast() and handle(), so this object must outlive the server. `board`, `commands` and `clock` must
// outlive this object.
class RestApi {
 public:
  RestApi(asio::any_io_executor executor, Board& board, Commands& commands, net::Clock& clock, RestApiOptions options);
  RestApi(const RestApi&) = delete;
  RestApi& operator=(const RestApi&) = delete;

  // The prepared answer of a health check, made once per publication; nullptr when handle() has to answer.
  std::shared_ptr<const std::string> fast(std::string_view method, std::string_view target);
  awaitable<net::HttpResponse> handle(net::HttpRequest request);

  void configure(RestApiOptions options);  // after a reload of the local file
  const Journal& journal() const { return *journal_; }

 private:
  struct Call {
    net::HttpRequest request;
    Target target;
  };
  using Action = awaitable<net::HttpResponse> (RestApi::*)(Call);
  using Reading = net::HttpResponse (RestApi::*)() const;
  struct Route {
    std::string_view method, segment;
    enum class Access {
      free,
      restricted,
      restricted_to_list,  // only the list counts, not allow_members: Patroni's rule for /failsafe
    } access;
    Action action;
  };
  static std::span<const Route> routes();
  // Answers that are the same for all clients, so they are made once and shared.
  struct Read {
    std::string_view path;
    Reading reading;
    enum class Good {
      for_snapshot,  // until the next publication
      for_moment,  // until the next publication, but only for a moment, because the answer contains a time or a counter
      when_fresh,  // for a moment, from a snapshot that is no older; otherwise the handler asks for a new snapshot
    } good;
  };
  static std::span<const Read> reads();
  const Read* read_of(const Target& target) const;
  struct Prepared;
  struct Shared;
  const Shared& shared_answer(const Read& read, core::Instant now);
  bool is_fresh(core::Instant now) const;

  net::HttpResponse health_response(std::string_view method, const Target& target) const;
  awaitable<std::optional<net::HttpResponse>> denied(const Call& call, const Route& route);
  awaitable<bool> is_allowed(std::string address, bool members_too);
  net::HttpResponse with_own_headers(net::HttpResponse response) const;
  net::HttpResponse text(int status, std::string body, std::string type = "text/html") const;
  net::HttpResponse json(int status, const nlohmann::ordered_json& body) const;
  net::HttpResponse dcs_failed(const core::Error& error) const;
  // Reads the keys from the DCS. Returns the latest snapshot with these keys in place of its own, which may be older
  // than what somebody has just written; or the answer to send if the DCS does not answer.
  using WithKeys = std::expected<std::shared_ptr<const Snapshot>, net::HttpResponse>;
  awaitable<WithKeys> read_keys();
  // Waits a moment for our own answers, because a client that reads after writing expects to see what it wrote.
  awaitable<void> await_shown(std::function<bool(const core::ClusterView&)> shown);

  // reading (routes.cc)
  awaitable<net::HttpResponse> get_patroni(Call call);
  awaitable<void> refresh();
  awaitable<net::HttpResponse> get_shared(Call call);
  net::HttpResponse patroni() const;
  net::HttpResponse cluster() const;
  net::HttpResponse history() const;
  net::HttpResponse config() const;
  net::HttpResponse metrics() const;
  net::HttpResponse failsafe() const;
  // our own additions (tamada_routes.cc)
  awaitable<net::HttpResponse> get_tamada(Call call);
  awaitable<net::HttpResponse> get_events(Call call);
  net::HttpResponse get_event_stream(const Call& call);
  awaitable<net::HttpResponse> get_events_of(std::string member, std::uint64_t since, std::size_t newest);
  awaitable<net::HttpResponse> ask_members();
  awaitable<net::HttpResponse> ask_samples();
  awaitable<net::HttpResponse> ask_doctor();
  awaitable<net::HttpResponse> ask_clusters();
  awaitable<net::HttpResponse> ask_all_clusters();
  awaitable<net::HttpResponse> ask_clusters_of(bool all_namespaces);
  net::HttpResponse samples() const;
  net::HttpResponse explanation() const;
  net::HttpResponse last_handover() const;
  // how large the data are (size_routes.cc)
  awaitable<net::HttpResponse> get_size(Call call);
  awaitable<net::HttpResponse> get_size_of(std::string member);
  // what a change of the configuration would do (check_config.cc)
  awaitable<net::HttpResponse> check_config(Call call);
  // requests for another member (passed_on.cc)
  struct PassedOn {
    std::string_view method, path;
    Action own;               // what the request does if it names this node
    core::Duration patience;  // how long the member may take to answer
  };
  static std::span<const PassedOn> passed_on();
  awaitable<net::HttpResponse> change_tamada(Call call);
  awaitable<net::HttpResponse> pass_on(const PassedOn& deed, core::Member member, net::HttpRequest request);
  // the dashboard (ui_routes.cc)
  awaitable<net::HttpResponse> get_ui(Call call);
  net::HttpResponse ui_file(const Call& call) const;
  net::HttpResponse parameters() const;
  // the dynamic configuration (config_routes.cc)
  awaitable<net::HttpResponse> change_config(Call call, bool merges);
  awaitable<net::HttpResponse> patch_config(Call call);
  awaitable<net::HttpResponse> put_config(Call call);
  // Adds to the answer the members that wait for a restart, once the change has reached them.
  awaitable<void> name_pending(std::shared_ptr<const Snapshot> before, std::vector<std::string> parameters,
                               net::HttpResponse& answer);
  // What the change from `before` to `after` would do; empty if nothing judges changes.
  ConfigVerdict verdict_on(const Snapshot& snapshot, const nlohmann::ordered_json& before,
                           const nlohmann::ordered_json& after) const;
  // Whether the configuration may be written. `answer` becomes the refusal, or gets the headers of the answer.
  // `restarts` becomes the list of parameters that take effect only after a restart.
  bool judged(const Call& call, const Snapshot& snapshot, const nlohmann::ordered_json& after,
              net::HttpResponse& answer, std::vector<std::string>& restarts) const;
  // this node (node_routes.cc)
  awaitable<net::HttpResponse> post_reload(Call call);
  awaitable<net::HttpResponse> post_reinitialize(Call call);
  awaitable<net::HttpResponse> post_failsafe(Call call);
  // restarting postgres (restart_routes.cc)
  awaitable<net::HttpResponse> post_restart(Call call);
  awaitable<net::HttpResponse> delete_restart(Call call);
  awaitable<net::HttpResponse> restart_now(core::RestartRequest request);
  awaitable<net::HttpResponse> schedule_restart(core::RestartRequest request);
  // moving the leader (switchover_routes.cc)
  awaitable<net::HttpResponse> post_switchover(Call call);
  awaitable<net::HttpResponse> post_failover(Call call);
  awaitable<net::HttpResponse> delete_switchover(Call call);
  awaitable<net::HttpResponse> move_leader(Call call, std::string action);
  awaitable<std::optional<net::HttpResponse>> why_impossible(std::shared_ptr<const Snapshot> snapshot,
                                                             core::FailoverRequest request, std::string action);
  awaitable<std::string> obstacles(std::vector<core::Member> members, std::shared_ptr<const Snapshot> snapshot);
  // `before` has the keys by which the request was decided.
  awaitable<net::HttpResponse> await_move(std::shared_ptr<const Snapshot> before, std::string candidate,
                                          std::string action);

  asio::any_io_executor executor_;
  Board& board_;
  Commands& commands_;
  net::Clock& clock_;
  RestApiOptions options_;
  std::shared_ptr<Journal> journal_;
  std::shared_ptr<EventStream> event_stream_;
  std::shared_ptr<Samples> samples_ = std::make_shared<Samples>();
  Publications publications_;
  std::shared_ptr<Prepared> prepared_;
  struct Refresh;
  std::shared_ptr<Refresh> refresh_;  // the refresh that is under way; later requests wait for it, too
  // A round asks all members, or etcd, once; every client that asks meanwhile, or soon after, gets its answer.
  struct Round;
  using Asking = awaitable<net::HttpResponse> (RestApi::*)();
  awaitable<net::HttpResponse> of_round(std::shared_ptr<Round>& last, core::Duration good_for, Asking asking);
  std::shared_ptr<Round> members_round_, samples_round_, clusters_round_, all_clusters_round_, doctor_round_;
  struct Measuring;
  std::shared_ptr<Measuring> measuring_;  // the last measurement of the data's size, or the one under way
  std::shared_ptr<std::size_t> questions_ = std::make_shared<std::size_t>(0);  // to members about events and sizes
  std::shared_ptr<std::size_t> passing_ = std::make_shared<std::size_t>(0);  // requests that wait for a member's answer
  std::shared_ptr<std::size_t> followers_ = std::make_shared<std::size_t>(0);  // requests that wait for an event
};

}  // namespace tamada::api
