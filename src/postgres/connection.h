// Runs libpq on the loop. The address must be a socket's directory or an IP address, because libpq resolves names
// synchronously.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "net/asio.h"
#include "postgres/conninfo.h"

namespace tamada::postgres {

using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

// One connection. A failure, a timeout or a cancellation closes it, and the next use has to open it again.
class Connection {
 public:
  explicit Connection(asio::any_io_executor executor) : executor_(std::move(executor)), handle_(nullptr, PQfinish) {}

  awaitable<core::Result<void>> open(Conninfo conninfo, core::Duration timeout);
  bool is_open() const { return handle_ != nullptr; }
  void close() { handle_.reset(); }
  int server_version() const { return handle_ ? PQserverVersion(handle_.get()) : 0; }

  // Uses the simple query protocol, which replication commands need. Returns the rows of the last statement.
  awaitable<core::Result<Rows>> query(std::string sql, core::Duration timeout);
  // Whether the last failure was a timeout rather than a refusal.
  bool timed_out() const { return timed_out_; }
  // Whether the server had accepted the connection before that timeout.
  bool was_accepted() const { return was_accepted_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  enum class Direction { read, write };

  awaitable<bool> ready(Direction direction, Deadline deadline);  // returns false when the time is over
  awaitable<core::Result<void>> handshake(Deadline deadline);
  awaitable<core::Result<Rows>> exchange(std::string sql, Deadline deadline);
  std::unexpected<core::Error> failure(const std::string& what);
  std::unexpected<core::Error> out_of_time(const std::string& what);

  asio::any_io_executor executor_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> handle_;
  bool timed_out_ = false, was_accepted_ = false;
};

}  // namespace tamada::postgres
