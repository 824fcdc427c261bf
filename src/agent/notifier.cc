#include "agent/notifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "net/http_client.h"
#include "net/log.h"
#include "net/process.h"

namespace tamada::agent {
namespace {

constexpr core::Duration first_wait = std::chrono::seconds(1), longest_wait = std::chrono::minutes(1);
constexpr std::size_t answer_bytes_max = 64 << 10;

std::string last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const auto begin = text.rfind('\n');
  return std::string(text.substr(begin == text.npos ? 0 : begin + 1, 200));
}

}  // namespace

Notifier::Notifier(asio::any_io_executor executor, net::Clock& clock, api::Board& board, const api::Journal& journal,
                   std::shared_ptr<api::Telemetry> telemetry, std::string run, config::Notify options)
    : clock_(clock),
      journal_(journal),
      telemetry_(std::move(telemetry)),
      notices_(std::move(run)),
      outlets_{{{"webhook", &Notifier::send_webhook, net::Event(executor)},
                {"command", &Notifier::send_command, net::Event(executor)}}} {
  configure(std::move(options));
  board.on_publish([this](const auto& snapshot) { look(*snapshot); });
  for (auto& outlet : outlets_) asio::co_spawn(executor, deliver(outlet), asio::detached);
}

void Notifier::configure(config::Notify options) {
  options_ = std::move(options);
  const net::TlsClient tls{.ca_file = options_.cacert};
  if (!tls_ || *tls_ != tls) tls_ = tls;  // if they are equal, the certificates that have been read stay in use
  for (auto& outlet : outlets_) {
    if (is_told(outlet)) {
      counts(outlet);  // makes the counters, so that /metrics shows them from now on
    } else {
      outlet.waiting.clear();
      telemetry_->notifications.erase(outlet.name);
    }
  }
}

bool Notifier::is_told(const Outlet& outlet) const {
  return outlet.name == "webhook" ? !options_.webhook.empty() : !options_.command.empty();
}

void Notifier::look(const api::Snapshot& snapshot) {
  const auto notices = notices_.look(snapshot, journal_, std::chrono::seconds(options_.repeat_after_s));
  for (auto& outlet : outlets_) {
    if (notices.empty() || !is_told(outlet)) continue;
    for (const auto& notice : notices) {
      if (outlet.waiting.size() >= waiting_max) {
        outlet.waiting.pop_front();
        ++counts(outlet).dropped;
      }
      outlet.waiting.push_back(notice);
    }
    count_waiting(outlet);
    outlet.wake.notify();
  }
}

void Notifier::count_waiting(const Outlet& outlet) {
  if (is_told(outlet)) counts(outlet).waiting = outlet.waiting.size() + (outlet.delivering ? 1 : 0);
}

awaitable<void> Notifier::deliver(Outlet& outlet) {
  for (;;) {
    while (outlet.waiting.empty()) co_await outlet.wake.wait();
    co_await keep_pace(outlet);
    if (outlet.waiting.empty()) continue;  // a reload has removed this receiver from the configuration
    auto notice = std::move(outlet.waiting.front());
    outlet.waiting.pop_front();
    outlet.delivering = true;
    co_await deliver_one(outlet, std::move(notice));
    outlet.delivering = false;
    count_waiting(outlet);
  }
}

awaitable<void> Notifier::keep_pace(Outlet& outlet) {
  if (outlet.sent.size() == burst) {
    const auto free_at = outlet.sent.front() + within;
    outlet.sent.pop_front();
    if (free_at > clock_.now()) co_await clock_.sleep_until(free_at);
  }
  outlet.sent.push_back(clock_.now());
}

// Tries again until the notice is delivered or too old, or until a reload removes the receiver from the configuration.
awaitable<void> Notifier::deliver_one(Outlet& outlet, api::Notice notice) {
  for (auto wait = first_wait; is_told(outlet); wait = std::min(2 * wait, longest_wait)) {
    const auto failure = co_await (this->*outlet.send)(notice.json);
    if (!is_told(outlet)) co_return;
    if (failure.empty()) {
      ++counts(outlet).delivered;
      if (std::exchange(outlet.failing, false)) log::info("notifications by {} are delivered again", outlet.name);
      co_return;
    }
    ++counts(outlet).failed;
    if (!std::exchange(outlet.failing, true))
      log::warning("a notification by {} failed, it is tried again: {}", outlet.name, failure);
    if (clock_.now() - notice.at > give_up_after) {
      ++counts(outlet).dropped;
      log::warning("a notification by {} is dropped after an hour of failed attempts: {}", outlet.name, failure);
      co_return;
    }
    co_await clock_.sleep_until(clock_.now() + wait);
  }
}

awaitable<std::string> Notifier::send_webhook(std::string json) {
  auto url = net::Url::parse(options_.webhook);
  if (!url) co_return "the URL cannot be used";  // cannot happen, because the URL was checked with the configuration
  url->apart = true;
  net::HttpRequest request{.answer_bytes_max = answer_bytes_max};
  request.method = "POST";
  request.target = url->path.starts_with('/') ? std::exchange(url->path, "") : "/" + std::exchange(url->path, "");
  request.headers.emplace_back("Content-Type", "application/json");
  if (!options_.authorization.empty()) request.headers.emplace_back("Authorization", options_.authorization);
  request.body = std::move(json);
  const auto tls = url->scheme == "https" ? tls_ : std::nullopt;
  const auto answer = co_await net::http_once(*url, tls, request, std::chrono::seconds(options_.timeout_s));
  // The path of the URL may be a secret, so neither of the two error texts contains it.
  if (!answer) co_return answer.error().what;
  if (answer->status >= 200 && answer->status < 300) co_return "";
  co_return fmt::format("{} answers {}", url->authority(), answer->status);
}

awaitable<std::string> Notifier::send_command(std::string json) {
  const auto name = options_.command.front();
  const auto ended = co_await net::run({.argv = options_.command, .input = std::move(json), .capture = true},
                                       std::chrono::seconds(options_.timeout_s));
  if (!ended) co_return ended.error().what;
  if (ended->ok()) co_return "";
  const auto said = last_line(ended->output);
  co_return fmt::format("{} ended with status {}{}{}", name, ended->status, said.empty() ? "" : ": ", said);
}

}  // namespace tamada::agent
