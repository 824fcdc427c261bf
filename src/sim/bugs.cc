#include "sim/bugs.h"

namespace tamada::sim {

const std::vector<std::pair<std::string, std::string>>& known_bugs() {
  static const std::vector<std::pair<std::string, std::string>> bugs{
      {"standby-starts-as-primary", "a standby is started without its signal file"},
      {"stop-not-done", "a demotion that does not stop the server, taken for done"},
      {"follow-not-done", "primary_conninfo is not rewritten"},
      {"slots-not-created", "the leader makes no slots for its members"},
      {"history-overwritten", "the history is written with its last line only"},
      {"peers-not-asked", "the race takes every peer for unreachable"},
      {"nofailover-ignored", "the tag nofailover is not read"},
      {"leader-key-not-compared", "the leader key is written whoever holds it"},
      {"renewal-not-sent", "a keepalive is taken for confirmed before it is sent"},
      {"failover-key-not-cleared", "deleting the key failover does nothing"},
      {"status-not-written", "the leader's position is never written"},
  };
  return bugs;
}

}  // namespace tamada::sim
