// The distributed configuration store, as etcd v3 behaves: keys with revisions, leases, transactions that compare, and
// a watch. All code above this interface runs unchanged on the simulator's store. Source of the semantics:
// https://etcd.io/docs/v3.4/learning/api/
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
  unreachable,  // no endpoint answered in time; a write may still have happened
  refused,      // etcd answered that it does not do it (permission, no space, bad request)
  lease_gone,   // the lease does not exist, or has ended
  compacted,    // for a watch: the wanted revision is gone, so the range has to be read again
};
struct DcsError {
  ErrorKind kind;
  std::string what;
};
template <class T>
using DcsResult = std::expected<T, DcsError>;

struct Range {
  std::vector<KeyValue> keys;
  std::int64_t count = 0;  // number of keys under the prefix, even those that `min_mod_revision` leaves out
  Revision revision = 0;   // of the store, when it answered
};

// One condition of a transaction. If any condition does not hold, the transaction does nothing.
struct Compare {
  enum class What { mod_revision, create_revision, lease, value } what;
  std::string key;
  Revision revision = 0;   // compared for mod_revision and create_revision; mod_revision 0: the key does not exist
  LeaseId lease = {};      // compared for lease; empty: the key is on no lease
  std::string value = {};  // compared for value
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
  Revision revision = 0;   // the store's revision after the transaction, which is the mod_revision of the keys that
                           // were put
};

struct LeaseGrant {
  LeaseId id;
  Duration ttl{};
};

struct WatchEvent {
  bool deleted = false;
  KeyValue kv;  // for a deletion only the key and mod_revision
};
struct WatchBatch {
  std::vector<WatchEvent> events;  // an empty list is a sign of life
  Revision revision = 0;
};

class Dcs {
 public:
  virtual ~Dcs() = default;

  // A linearizable read. With min_mod_revision it returns only keys that changed since then; 0: all.
  virtual awaitable<DcsResult<Range>> range(std::string prefix, Revision min_mod_revision, Duration timeout) = 0;
  virtual awaitable<DcsResult<TxnResult>> txn(std::vector<Compare> compares, std::vector<Operation> operations,
                                              Duration timeout) = 0;
  virtual awaitable<DcsResult<LeaseGrant>> lease_grant(Duration ttl, Duration timeout) = 0;
  // Returns the remaining time to live, or ErrorKind::lease_gone if there is no such lease.
  virtual awaitable<DcsResult<Duration>> lease_keepalive(LeaseId id, Duration timeout) = 0;
  virtual awaitable<DcsResult<void>> lease_revoke(LeaseId id, Duration timeout) = 0;
  // How far this host's clock is ahead of the clock of the server that answered, as far as its answers show.
  virtual Duration clock_ahead() const { return {}; }
  // Why the present certificates on disk are not in use; empty when they are, or when the store has none.
  virtual std::string certificate_trouble() const { return ""; }
  // Delivers every change under the prefix from revision `from` on, in order and without gaps, until the watch breaks.
  // Returns why it broke.
  virtual awaitable<DcsError> watch(std::string prefix, Revision from, std::function<void(WatchBatch)> on_batch) = 0;
};

}  // namespace tamada::dcs
