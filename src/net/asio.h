// The names of Asio that the program uses. Only this header includes all of Asio.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace tamada {
namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;

// To be called after an operation that reports its error as a value. It throws if the caller was cancelled.
inline awaitable<void> throw_if_cancelled() {
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}
}  // namespace tamada
