#include "agent/surroundings.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <iterator>
#include <map>
#include <utility>

#include "diagnosis/certificates.h"
#include "net/disk.h"
#include "net/http_client.h"
#include "net/side_by_side.h"

namespace tamada::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 2s;
constexpr auto rights_are_good_for = 10s;

awaitable<diagnosis::Surroundings> ask_etcd(net::Clock& clock, std::string endpoint, config::Etcd etcd) {
  diagnosis::Surroundings found;
  const auto url = net::Url::parse(endpoint);
  core::Result<net::HttpResponse> answer = core::fail(url ? "" : url.error().what);
  const auto began = clock.now();
  if (url) {
    std::optional<net::TlsClient> tls;
    if (url->scheme == "https")
      tls = net::TlsClient{.ca_file = etcd.cacert, .cert_file = etcd.cert, .key_file = etcd.key};
    net::HttpRequest request{.method = "POST", .target = "/v3/maintenance/status", .body = "{}"};
    request.answer_bytes_max = 64 << 10;
    answer = co_await net::http_once(*url, std::move(tls), std::move(request), patience);
  }
  found.etcd = {diagnosis::etcd_facts(std::move(endpoint), answer, clock.now() - began)};
  co_return found;
}

}  // namespace

// The certificates as they were last read. While the disk does not answer, no second reading begins.
struct Surroundings::Files {
  std::vector<diagnosis::Certificate> read;
  // Present while a reading is under way. A look waits for it: until it is cancelled, when the reading has ended, or
  // has expired.
  std::shared_ptr<asio::steady_timer> under_way;

  static awaitable<void> begin(std::shared_ptr<Files> self, std::vector<std::pair<std::string, std::string>> files) {
    auto all = co_await net::on_disk_thread([files = std::move(files)] { return diagnosis::certificates_in(files); });
    self->read = std::move(all);
  }
};

Surroundings::Surroundings(asio::any_io_executor executor, net::Clock& clock, AskRights ask_rights)
    : executor_(std::move(executor)),
      clock_(clock),
      ask_rights_(std::move(ask_rights)),
      files_(std::make_shared<Files>()) {}

awaitable<diagnosis::Surroundings> Surroundings::certificates(std::vector<std::pair<std::string, std::string>> files) {
  if (!files_->under_way) {
    files_->under_way = std::make_shared<asio::steady_timer>(executor_, patience);
    asio::co_spawn(executor_, Files::begin(files_, std::move(files)),
                   [files = files_](std::exception_ptr) { std::exchange(files->under_way, nullptr)->cancel(); });
    const auto under_way = files_->under_way;
    co_await under_way->async_wait(asio::as_tuple(use_awaitable));
    co_await throw_if_cancelled();
  }
  co_return diagnosis::Surroundings{.etcd = {}, .certificates = files_->read, .rewind = {}};
}

awaitable<diagnosis::Surroundings> Surroundings::rights(std::string user, std::string member) {
  if (!rights_ || rights_->user != user || clock_.now() - rights_at_ >= rights_are_good_for) {
    const auto answer = co_await ask_rights_(user, patience);
    rights_.reset();
    rights_at_ = clock_.now();
    if (answer) {
      rights_ = {.user = std::move(user), .leader = std::move(member), .error = {}, .missing = {}};
      if (*answer)
        rights_->missing = **answer;
      else
        rights_->error = answer->error().what;
    }
  }
  co_return diagnosis::Surroundings{.etcd = {}, .certificates = {}, .rewind = rights_};
}

awaitable<diagnosis::Surroundings> Surroundings::look(const config::Local& local) {
  std::map<std::string, awaitable<diagnosis::Surroundings>> questions;
  // The number keeps the order of the configuration.
  const auto& endpoints = local.etcd.endpoints;
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    questions.emplace("etcd" + std::to_string(1000 + i), ask_etcd(clock_, endpoints[i], local.etcd));
  questions.emplace("certificates", certificates({{"restapi.certfile", local.restapi.certfile},
                                                  {"restapi.cafile", local.restapi.cafile},
                                                  {"ctl.certfile", local.ctl.certfile},
                                                  {"ctl.cacert", local.ctl.cacert},
                                                  {"etcd3.cert", local.etcd.cert},
                                                  {"etcd3.cacert", local.etcd.cacert}}));
  const auto& user = local.postgresql.rewind.username;
  if (!user.empty() && user != local.postgresql.superuser.username)
    questions.emplace("rights", rights(user, local.name));
  diagnosis::Surroundings all;
  for (auto& [name, found] : co_await net::side_by_side(std::move(questions))) {
    std::ranges::move(found.etcd, std::back_inserter(all.etcd));
    std::ranges::move(found.certificates, std::back_inserter(all.certificates));
    if (found.rewind) all.rewind = std::move(found.rewind);
  }
  co_return all;
}

}  // namespace tamada::agent
