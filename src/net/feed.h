// The part of an answer that is sent piece by piece for as long as the client stays, such as server-sent events.
#pragma once

#include <memory>
#include <string>

#include "net/asio.h"

namespace tamada::net {

class Feed {
 public:
  virtual ~Feed() = default;
  // Waits for the next piece, which many clients may share. nullptr: the answer ends here.
  virtual awaitable<std::shared_ptr<const std::string>> next() = 0;
};

}  // namespace tamada::net
