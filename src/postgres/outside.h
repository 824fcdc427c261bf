// Tests the server and its disk from outside, beside the cycle, at each heartbeat: opens a new connection as a client
// does, since the connection that the daemon keeps may work while the server lets no client in, and writes a small file
// beside the data.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/postgres_view.h"
#include "core/types.h"
#include "net/asio.h"
#include "wire/server_parameter.h"

namespace tamada::postgres {

struct Node;

class Outside {
 public:
  explicit Outside(Node& node);
  // Begins what is due. accepts: postmaster.pid says that this postmaster lets clients in; primary: and that it takes
  // writes.
  void look(bool accepts, bool primary, int postmaster, core::Duration heartbeat);
  void tell(core::PostgresView& view) const;
  // Of the server that runs; asked once, since it takes a start to load another library.
  const wire::ServerParameters& parameters() const { return connecting_->parameters; }

 private:
  struct Connecting {
    bool running = false;
    int postmaster = 0;  // the process id of the postmaster that was tested
    core::Instant began_at{};
    std::optional<core::Instant> silent_since;
    std::string error;
    core::Problems problems;  // problems that the server reports
    wire::ServerParameters parameters;
  };
  struct Writing {
    bool running = false;
    core::Instant began_at{};
    std::optional<core::Duration> took;
    std::optional<std::uint64_t> wal_space;
    core::Problems problems;
  };
  // A commit of our own, while the small write does not end: whether those of clients get through is seen by it even if
  // there are none. Until it ends there is no other.
  struct Committing {
    bool running = false;
    std::optional<core::Instant> sent_at;  // the commit, once the server had let us in; until it comes back
  };
  static awaitable<void> connect(Node& node, std::shared_ptr<Connecting> state);
  static awaitable<void> write(Node& node, std::shared_ptr<Writing> state);
  static awaitable<void> commit(Node& node, std::shared_ptr<Committing> state);

  Node& node_;
  std::shared_ptr<Connecting> connecting_ = std::make_shared<Connecting>();
  std::shared_ptr<Writing> writing_ = std::make_shared<Writing>();
  std::shared_ptr<Committing> committing_ = std::make_shared<Committing>();
};

// A new file in `directory`, written, flushed and removed. An error: why that failed.
core::Result<core::Duration> write_and_flush(const std::string& directory);

}  // namespace tamada::postgres
