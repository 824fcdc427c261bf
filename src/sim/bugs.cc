#include "sim/bugs.h"

namespace tamada::sim {

const std::vector<KnownBug>& known_bugs() {
  static const std::vector<KnownBug> bugs{
      {"standby-starts-as-primary", "a standby is started without its signal file"},
      {"stop-not-done", "a demotion that does not stop the server, taken for done"},
      {"follow-not-done", "primary_conninfo is not rewritten"},
      {"slots-not-created", "the leader makes no slots for its members"},
      {"history-overwritten", "the history is written with its last line only"},
      {"peers-not-asked",
       "the race takes every peer for unreachable",
       {"standby_lag", "node_crash", "switchover"},
       {{"synchronous_mode", "off"}}},
      {"nofailover-ignored", "the tag nofailover is not read"},
      {"leader-key-not-compared", "the leader key is written whoever holds it"},
      {"failover-key-not-cleared", "deleting the key failover does nothing"},
      {"lost-reply-taken-for-done", "a transaction without an answer is taken for done"},
      {"pause-not-read", "the daemons do not see that the cluster is paused"},
      {"peers-remembered", "the race goes by what the peers answered the first time"},
      {"standby-promotes-itself", "a standby that is started without a leader promotes itself"},
      {"death-not-noticed", "a postgres that died is taken for running"},
      {"timelines-not-compared", "another server's timeline is always taken for ours"},
      {"sync-key-written-later",
       "the key sync is written some seconds after the daemon takes it for written",
       {"postgres_crash", "node_crash", "partition_node", "daemon_stop"},
       {{"synchronous_mode", "on"}}},
      {"sync-key-not-read", "standbys do not see the key sync"},
      {"mark-not-synced",
       "the marks of an unfinished pg_rewind, and the copies of keys, are written without fsync",
       {"local_trouble", "node_crash"},
       {{"nodes", "2"}}},
      {"written-taken-for-loaded",
       "a daemon that finds its files as it wants them does not tell the server to load them",
       {"local_trouble", "switchover"}},
      {"members-not-read",
       "a daemon does not know by its disk who the members are",
       {"keys_lost"},
       {{"nodes", "2"}, {"failsafe_mode", "true"}, {"synchronous_mode", "off"}}},
      {"twins-taken-for-one", "two timelines of one number are not told apart", {"twins"}, {{"nodes", "2"}}},
      {"clocks-of-hosts-compared",
       "a member was cut off from etcd if its last answer is long ago by our calendar time",
       {"clock_step", "standby_lag", "node_crash"},
       {{"synchronous_mode", "off"}}},
      {"failsafe-taken-for-granted",
       "members that refuse or do not answer are taken to agree that the primary goes on"},
  };
  return bugs;
}

}  // namespace tamada::sim
