#include "postgres/connection.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include "net/expiry.h"

namespace tamada::postgres {

using asio::posix::stream_descriptor;

namespace {

// Lends libpq's socket to Asio. libpq closes the socket itself, so Asio has to release it without closing it on every
// path. The object is shared because a handler may still be queued when the coroutine has ended.
class Borrowed {
 public:
  Borrowed(const asio::any_io_executor& executor, int socket)
      : descriptor_(std::make_shared<stream_descriptor>(executor, socket)) {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    if (descriptor_->is_open()) descriptor_->release();
  }
  const std::shared_ptr<stream_descriptor>& operator->() const { return descriptor_; }
  std::shared_ptr<stream_descriptor> shared() const { return descriptor_; }

 private:
  std::shared_ptr<stream_descriptor> descriptor_;
};

std::string message(const char* text) {
  std::string result = text ? text : "";
  while (!result.empty() && (result.back() == '\n' || result.back() == ' ')) result.pop_back();
  return result;
}

Rows rows_of(const PGresult* result) {
  Rows rows(static_cast<std::size_t>(PQntuples(result)));
  const int columns = PQnfields(result);
  for (int row = 0; row < PQntuples(result); ++row) {
    auto& into = rows[static_cast<std::size_t>(row)];
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column)) {
        into.emplace_back();
      } else {
        into.emplace_back(
            std::string(PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))));
      }
    }
  }
  return rows;
}

using ResultHandle = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Closes the connection when a coroutine leaves by an exception (its cancellation) in the middle of an exchange.
struct CloseUnlessDone {
  Connection* connection;
  bool done = false;
  ~CloseUnlessDone() {
    if (!done) connection->close();
  }
};

}  // namespace

std::unexpected<core::Error> Connection::failure(const std::string& what) {
  auto text = message(handle_ ? PQerrorMessage(handle_.get()) : "out of memory");
  return core::fail(text.empty() ? what : what + ": " + text);
}

std::unexpected<core::Error> Connection::out_of_time(const std::string& what) {
  timed_out_ = true;
  const auto status = PQstatus(handle_.get());
  was_accepted_ = status != CONNECTION_STARTED && status != CONNECTION_BAD;
  return core::fail(what + ": no answer in time");
}

awaitable<bool> Connection::ready(Direction direction, Deadline deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  if (left <= left.zero()) co_return false;
  Borrowed socket(executor_, PQsocket(handle_.get()));
  const net::Expiry expiry(executor_, left, [descriptor = socket.shared()] { descriptor->cancel(); });
  const auto wanted = direction == Direction::read ? stream_descriptor::wait_read : stream_descriptor::wait_write;
  const auto [error] = co_await socket->async_wait(wanted, asio::as_tuple(use_awaitable));
  if (!error) co_return true;
  if (!expiry.expired()) throw boost::system::system_error(error);
  co_return false;
}

awaitable<core::Result<void>> Connection::open(Conninfo conninfo, core::Duration timeout) {
  timed_out_ = false;
  std::vector<const char*> names, values;
  for (const auto& [name, value] : conninfo) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  handle_.reset(PQconnectStartParams(names.data(), values.data(), 0));
  CloseUnlessDone guard{this};
  const auto steps = std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout);
  auto opened = co_await handshake(std::chrono::steady_clock::now() + steps);
  guard.done = opened.has_value();
  co_return opened;
}

awaitable<core::Result<void>> Connection::handshake(Deadline deadline) {
  if (!handle_ || PQstatus(handle_.get()) == CONNECTION_BAD) co_return failure("cannot connect");
  auto status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK) {
    const auto direction = status == PGRES_POLLING_READING ? Direction::read : Direction::write;
    if (!co_await ready(direction, deadline)) co_return out_of_time("cannot connect");
    status = PQconnectPoll(handle_.get());
    if (status == PGRES_POLLING_FAILED) co_return failure("cannot connect");
  }
  PQsetnonblocking(handle_.get(), 1);
  // libpq would print notices to stderr, where the log's lines may be.
  PQsetNoticeProcessor(handle_.get(), [](void*, const char*) {}, nullptr);
  co_return core::Result<void>();
}

awaitable<core::Result<Rows>> Connection::query(std::string sql, core::Duration timeout) {
  timed_out_ = false;
  if (!handle_) co_return core::fail("not connected");
  CloseUnlessDone guard{this};
  const auto steps = std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout);
  auto rows = co_await exchange(std::move(sql), std::chrono::steady_clock::now() + steps);
  // If only the statement failed, the connection is still usable.
  guard.done = rows || (!timed_out_ && PQstatus(handle_.get()) == CONNECTION_OK);
  co_return rows;
}

awaitable<core::Result<Rows>> Connection::exchange(std::string sql, Deadline deadline) {
  const auto lost = [this] {
    auto error = failure("connection lost");
    close();
    return error;
  };
  if (!PQsendQuery(handle_.get(), sql.c_str())) co_return lost();
  for (int flushed = PQflush(handle_.get()); flushed != 0; flushed = PQflush(handle_.get())) {
    if (flushed < 0) co_return lost();
    if (!co_await ready(Direction::write, deadline)) co_return out_of_time("query");
  }
  std::optional<core::Error> error;
  Rows rows;
  for (;;) {
    while (PQisBusy(handle_.get())) {
      if (!co_await ready(Direction::read, deadline)) co_return out_of_time("query");
      if (!PQconsumeInput(handle_.get())) co_return lost();
    }
    const ResultHandle result(PQgetResult(handle_.get()), PQclear);
    if (!result) break;
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_TUPLES_OK) {
      rows = rows_of(result.get());
    } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY && !error) {
      error = core::Error{message(PQresultErrorMessage(result.get()))};
    }
  }
  if (error) co_return std::unexpected(*error);
  co_return rows;
}

}  // namespace tamada::postgres
