// Reads many keys in small portions, beside the daemon's own requests: over connections of its own, so that neither a
// slow answer nor a server that fails it concerns the lease or the watch.
#pragma once

#include <string>

#include "dcs/dcs.h"

namespace tamada::dcs {

class Listing {
 public:
  virtual ~Listing() = default;
  // The first `limit` keys under the prefix that come after the key `after`, in their order; empty: from the first one.
  // `count` is the number of all keys from there on.
  virtual awaitable<DcsResult<Range>> range_after(std::string prefix, std::string after, int limit,
                                                  Duration timeout) = 0;
  // The same without values.
  virtual awaitable<DcsResult<Range>> names_after(std::string prefix, std::string after, int limit,
                                                  Duration timeout) = 0;
};

}  // namespace tamada::dcs
