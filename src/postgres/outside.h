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
  // Begins what is due. accepts: postmaster.pid says that this postmaster lets clients in.
  void look(bool accepts, int postmaster, core::Duration heartbeat);
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
  static awaitable<void> connect(Node& node, std::shared_ptr<Connecting> state);
  static awaitable<void> write(Node& node, std::shared_ptr<Writing> state);

  Node& node_;
  std::shared_ptr<Connecting> connecting_ = std::make_shared<Connecting>();
  std::shared_ptr<Writing> writing_ = std::make_shared<Writing>();
};

// A new file in `directory`, written, flushed and removed. An error: why that failed.
core::Result<core::Duration> write_and_flush(const std::string& directory);

}  // namespace tamada::postgres
