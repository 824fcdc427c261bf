// Tests the server and its disk from outside, beside the cycle, at each heartbeat. It opens a new connection as a
// client does, because the daemon's own connection may work while the server accepts no new one. And it writes a small
// file beside the data.
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
  // Begins the tests that are due. accepts: by postmaster.pid, this postmaster accepts clients. primary: it also takes
  // writes.
  void look(bool accepts, bool primary, int postmaster, core::Duration heartbeat);
  void tell(core::PostgresView& view) const;
  // The parameters of the running server. They are asked once, because a server has to be restarted to load another
  // library.
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
  // A commit of our own, made while the small write does not end. It shows whether commits of clients would succeed,
  // even if there are none. There is only one at a time.
  struct Committing {
    bool running = false;
    std::optional<core::Instant> sent_at;  // when the commit was sent, after the connection was made; nullopt when none
                                           // is waiting
  };
  static awaitable<void> connect(Node& node, std::shared_ptr<Connecting> state);
  static awaitable<void> write(Node& node, std::shared_ptr<Writing> state);
  static awaitable<void> commit(Node& node, std::shared_ptr<Committing> state);

  Node& node_;
  std::shared_ptr<Connecting> connecting_ = std::make_shared<Connecting>();
  std::shared_ptr<Writing> writing_ = std::make_shared<Writing>();
  std::shared_ptr<Committing> committing_ = std::make_shared<Committing>();
};

// Writes, flushes and removes a new file in `directory`. Returns how long that took; an error when it failed.
core::Result<core::Duration> write_and_flush(const std::string& directory);

}  // namespace tamada::postgres
