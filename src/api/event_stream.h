// GET /tamada/events/stream: server-sent events about the cluster. Each text is made once, whatever the number of
// clients, and all share it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "api/journal.h"
#include "api/publications.h"
#include "net/feed.h"

namespace tamada::api {

class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  static constexpr std::size_t clients_max = 128;
  static constexpr std::size_t unread_bytes_max = 64 << 10;  // for one client; one that reads less is given up
  static constexpr std::size_t repeated_max = 500;           // events for a client that continues
  static constexpr auto keep_alive = std::chrono::seconds(15);

  // `run` tells the events of this run of the daemon from those of others, whose numbers begin at 1, too.
  EventStream(std::string run, std::shared_ptr<const Journal> journal);

  void look(const Snapshot& snapshot);  // to be called at each publication, after the journal's look
  // What a client gets first: only the number of the last event; or, if it names the last event that it has received,
  // all later ones and the present cluster.
  std::string beginning(const Snapshot& snapshot, const std::string* last_event_id) const;
  // What it gets then, for as long as it exists; nullptr when there are too many clients. `publications` and `clock`
  // must outlive the waits for it.
  std::shared_ptr<net::Feed> open(Publications& publications, net::Clock& clock);

 private:
  using Piece = std::shared_ptr<const std::string>;
  struct Unread {  // pieces for one client
    std::deque<Piece> pieces;
    std::size_t bytes = 0;
    bool given_up = false;
  };
  class Client;

  void add_events(std::uint64_t since, std::string& to) const;
  std::uint64_t known_to(std::string_view last_event_id) const;

  const std::string run_;
  const std::shared_ptr<const Journal> journal_;
  std::set<Unread*> clients_;
  std::uint64_t told_ = 0;    // the last event that clients have been told
  std::string told_cluster_;  // what they have been told of the cluster; empty: nothing
};

}  // namespace tamada::api
