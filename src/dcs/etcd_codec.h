// Makes the requests to etcd's JSON gateway and reads its answers. Keys and values are base64, int64 are strings, and a
// field that has its default value is left out. No I/O. An answer that cannot be read gives an error, never an
// exception. Source of the format: https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dcs/dcs.h"

namespace tamada::dcs {

using Json = nlohmann::json;

std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);

// The first key after all keys that begin with `prefix`.
std::string range_end(std::string_view prefix);

// Request bodies.
std::string range_body(std::string_view prefix, Revision min_mod_revision);
std::string range_after_body(std::string_view prefix, std::string after, int limit);  // after: empty: from the first
std::string names_after_body(std::string_view prefix, std::string after, int limit);
std::string txn_body(const std::vector<Compare>& compares, const std::vector<Operation>& operations);
std::string grant_body(Duration ttl);  // whole seconds, rounded up
std::string lease_body(const LeaseId& id);
std::string authenticate_body(std::string_view username, std::string_view password);
std::string watch_body(std::string_view prefix, Revision from);

// Answers.
std::optional<Range> parse_range(const Json& answer);
std::optional<TxnResult> parse_txn(const Json& answer);
std::optional<LeaseGrant> parse_grant(const Json& answer);
std::optional<Duration> parse_keepalive(const Json& answer);  // zero when there is no such lease

// The error that an answer reports.
struct GatewayError {
  enum class Kind {
    unavailable,  // this server cannot serve now, because it has no leader or timed out; a write may have happened
    lease_gone,
    auth,  // the token is old or missing, so a new one is needed
    auth_disabled,
    refused,
  } kind;
  std::string what;
};
std::optional<GatewayError> parse_error(int http_status, std::string_view body);
GatewayError classify(int grpc_code, std::string message);

// "/v3", or "/v3beta" for etcd 3.3. `body` is the answer of GET /version; if it cannot be read, the result is "/v3".
std::string api_prefix(std::string_view body);

// Takes the pieces of a watch's answer as they come, and gives the batches in order.
class WatchParser {
 public:
  explicit WatchParser(Revision from) : from_(from) {}
  // An error ends the watch; the batches before it are in `into`.
  std::optional<DcsError> feed(std::string_view chunk, std::vector<WatchBatch>& into);
  bool created() const { return created_; }
  // The server said that the token is not valid.
  bool auth_failed() const { return auth_failed_; }

 private:
  std::optional<DcsError> take(std::string_view line, std::vector<WatchBatch>& into);
  std::optional<DcsError> cancelled(const Json& result);

  Revision from_;
  std::string pending_;
  bool created_ = false;
  bool auth_failed_ = false;
};

}  // namespace tamada::dcs
