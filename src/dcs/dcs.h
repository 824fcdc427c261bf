// The distributed configuration store, as etcd v3 behaves: keys with revisions, leases, transactions that compare,
// and a watch. Everything above this line runs unchanged on the simulator's store.
// Source of the semantics: https://etcd.io/docs/v3.4/learning/api/
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/types.h"
#include "net/asio.h"

namespace tamada::dcs {

using core::Duration;
using core::LeaseId;
using core::Revision;

struct KeyValue {
  std::string key, value;
  Revision create_revision = 0;
  Revision mod_revision = 0;
  LeaseId lease;
};

enum class ErrorKind {
  unreachable,  // no answer in time from any endpoint; a write may have happened all the same
  refused,      // etcd answered and said no (permission, no space, bad request)
  lease_gone,   // the lease does not exist, or has ended
  compacted,    // watch: the revision asked for is gone; read the range again
};
struct DcsError {
  ErrorKind kind;
  std::string what;
};
template <class T>
using DcsResult = std::expected<T, DcsError>;

struct Range {
  std::vector<KeyValue> keys;
  std::int64_t count = 0;  // keys under the prefix, whatever `min_mod_revision` filtered
  Revision revision = 0;   // of the store, when it answered
};

// All compares hold, or nothing is done.
struct Compare {
  enum class What { mod_revision, create_revision, lease, value } what;
  std::string key;
  Revision revision = 0;   // compared for mod_revision and create_revision; mod_revision 0: the key does not exist
  LeaseId lease = {};      // compared for lease; none: the key is on no lease
  std::string value = {};  // for value
};
struct Put {
  std::string key, value;
  LeaseId lease;
};
struct Delete {
  std::string key;
  bool prefix = false;
};
using Operation = std::variant<Put, Delete>;

struct TxnResult {
  bool succeeded = false;  // the compares held
  Revision revision = 0;   // the store's revision after it, which is the mod_revision of the keys that were put
};

struct LeaseGrant {
  LeaseId id;
  Duration ttl{};
};

struct WatchEvent {
  bool deleted = false;
  KeyValue kv;  // deleted: key and mod_revision only
};
struct WatchBatch {
  std::vector<WatchEvent> events;  // empty: a sign of life
  Revision revision = 0;
};

class Dcs {
 public:
  virtual ~Dcs() = default;

  // Linearizable. min_mod_revision: only keys changed since; 0: all.
  virtual awaitable<DcsResult<Range>> range(std::string prefix, Revision min_mod_revision, Duration timeout) = 0;
  virtual awaitable<DcsResult<TxnResult>> txn(std::vector<Compare> compares, std::vector<Operation> operations,
                                              Duration timeout) = 0;
  virtual awaitable<DcsResult<LeaseGrant>> lease_grant(Duration ttl, Duration timeout) = 0;
  // Returns the remaining time to live, or ErrorKind::lease_gone if there is no such lease.
  virtual awaitable<DcsResult<Duration>> lease_keepalive(LeaseId id, Duration timeout) = 0;
  virtual awaitable<DcsResult<void>> lease_revoke(LeaseId id, Duration timeout) = 0;
  // How far this host's clock is ahead of that of the server that answered, as far as its answers tell.
  virtual Duration clock_ahead() const { return {}; }
  // Why certificates that are on disk now are not in use; empty: nothing is wrong, or the store has none.
  virtual std::string certificate_trouble() const { return ""; }
  // Delivers every change under the prefix from revision `from` on, in order and without gaps, until the watch breaks.
  // Returns the reason.
  virtual awaitable<DcsError> watch(std::string prefix, Revision from, std::function<void(WatchBatch)> on_batch) = 0;
};

}  // namespace tamada::dcs
