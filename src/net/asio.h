// The names of Asio that the program uses; nothing else includes all of Asio.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tamada {
namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
}  // namespace tamada
