#include "net/disk.h"

#include <boost/asio/thread_pool.hpp>

namespace tamada::net {

asio::any_io_executor disk_thread() {
  static asio::thread_pool thread(1);
  return thread.get_executor();
}

asio::any_io_executor disk_probe_thread() {
  static asio::thread_pool thread(1);
  return thread.get_executor();
}

}  // namespace tamada::net
