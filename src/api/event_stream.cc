#include "api/event_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "wire/cluster_json.h"
#include "wire/json.h"
#include "wire/python_json.h"

namespace tamada::api {

using Json = nlohmann::ordered_json;

namespace {

// This node and the cluster, which are told when they change. `compared` leaves out what changes all the time:
// positions, and the progress of copies.
std::string present(const Snapshot& snapshot, bool compared) {
  const auto& seen = snapshot.seen;
  auto cluster = wire::cluster_json(seen.cluster, snapshot.scope);
  if (compared) {
    for (auto& member : cluster["members"]) {
      for (const char* key : {"lag", "lsn", "receive_lag", "receive_lsn", "replay_lag", "replay_lsn", "copy"})
        member.erase(key);
    }
  }
  return wire::dump_python({{"member", seen.self},
                            {"role", snapshot.role},
                            {"state", snapshot.state},
                            {"leader", seen.cluster.unlocked() ? Json(nullptr) : Json(seen.cluster.leader->name)},
                            {"cluster", std::move(cluster)}});
}

void add_cluster(const Snapshot& snapshot, std::string& to) {
  if (snapshot.seen.cluster.loaded) to += "event: cluster\ndata: " + present(snapshot, false) + "\n\n";
}

}  // namespace

class EventStream::Client final : public net::Feed {
 public:
  Client(std::shared_ptr<EventStream> stream, Publications& publications, net::Clock& clock)
      : stream_(std::move(stream)), publications_(publications), clock_(clock) {
    stream_->clients_.insert(unread_.get());
  }
  ~Client() override { stream_->clients_.erase(unread_.get()); }

  awaitable<Piece> next() override {
    static const auto comment = std::make_shared<const std::string>(":\n\n");
    const auto has_news = [unread = unread_](const Snapshot&) { return unread->given_up || !unread->pieces.empty(); };
    if (!co_await publications_.wait(has_news, clock_.now() + keep_alive)) co_return comment;
    if (unread_->given_up) co_return nullptr;
    auto piece = std::move(unread_->pieces.front());
    unread_->pieces.pop_front();
    unread_->bytes -= piece->size();
    co_return piece;
  }

 private:
  const std::shared_ptr<EventStream> stream_;
  const std::shared_ptr<Unread> unread_ = std::make_shared<Unread>();
  Publications& publications_;
  net::Clock& clock_;
};

EventStream::EventStream(std::string run, std::shared_ptr<const Journal> journal)
    : run_(std::move(run)), journal_(std::move(journal)) {}

void EventStream::add_events(std::uint64_t since, std::string& to) const {
  for (const auto& event : journal_->since(since))
    to += fmt::format("id: {}-{}\nevent: journal\ndata: {}\n\n", run_, event.id, event.json);
}

void EventStream::look(const Snapshot& snapshot) {
  const auto since = std::exchange(told_, journal_->last_id());
  if (clients_.empty()) return told_cluster_.clear();
  std::string text;
  if (since != told_) add_events(since, text);
  if (auto now = snapshot.seen.cluster.loaded ? present(snapshot, true) : told_cluster_; now != told_cluster_) {
    add_cluster(snapshot, text);
    told_cluster_ = std::move(now);
  }
  if (text.empty()) return;
  const auto piece = std::make_shared<const std::string>(std::move(text));
  for (auto* client : clients_) {
    if (client->given_up) continue;
    client->bytes += piece->size();
    client->pieces.push_back(piece);
    // A single piece is always passed on, however large it is.
    client->given_up = client->pieces.size() > 1 && client->bytes > unread_bytes_max;
    if (client->given_up) client->pieces.clear();
  }
}

// The number of the last event that the client has received; 0 if that was in another run of the daemon.
std::uint64_t EventStream::known_to(std::string_view last_event_id) const {
  std::uint64_t id = 0;
  if (last_event_id.starts_with(run_ + "-")) {
    last_event_id.remove_prefix(run_.size() + 1);
    std::from_chars(last_event_id.data(), last_event_id.data() + last_event_id.size(), id);
  }
  return id > journal_->last_id() ? 0 : id;
}

std::string EventStream::beginning(const Snapshot& snapshot, const std::string* last_event_id) const {
  const auto last = journal_->last_id();
  const bool continues = last_event_id && !last_event_id->empty();
  std::string text = "retry: 2000\n\n";
  if (continues) add_events(std::max(known_to(*last_event_id), last > repeated_max ? last - repeated_max : 0), text);
  text += fmt::format("id: {}-{}\n\n", run_, last);
  if (continues) add_cluster(snapshot, text);
  return text;
}

std::shared_ptr<net::Feed> EventStream::open(Publications& publications, net::Clock& clock) {
  if (clients_.size() >= clients_max) return nullptr;
  return std::make_shared<Client>(shared_from_this(), publications, clock);
}

}  // namespace tamada::api
