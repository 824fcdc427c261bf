#include "dcs/etcd_codec.h"

#include <array>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace tamada::dcs {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t watch_line_bytes_max = 64 << 20;  // etcd's own limit for one answer is far lower

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

std::string text_field(const Json& object, const char* key) {
  const Json* value = find(object, key);
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

// The number, or 0 when the field is left out, as protobuf does with default values.
std::int64_t int_field(const Json& object, const char* key) {
  const Json* value = find(object, key);
  if (!value) return 0;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (!value->is_string()) return 0;
  const auto& text = value->get_ref<const std::string&>();
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// etcd numbers its leases, and 0 means no lease.
LeaseId lease_field(const Json& object, const char* key) {
  const auto number = int_field(object, key);
  return number == 0 ? LeaseId() : LeaseId(std::to_string(number));
}
std::string lease_number(const LeaseId& lease) { return lease ? lease.name() : "0"; }

bool bool_field(const Json& object, const char* key) {
  const Json* value = find(object, key);
  return value && value->is_boolean() && value->get<bool>();
}

std::optional<Revision> header_revision(const Json& answer) {
  const Json* header = find(answer, "header");
  const auto revision = header ? int_field(*header, "revision") : 0;
  if (revision <= 0) return std::nullopt;
  return revision;
}

std::optional<KeyValue> parse_key_value(const Json& json) {
  auto key = base64_decode(text_field(json, "key"));
  auto value = base64_decode(text_field(json, "value"));
  if (!key || !value || key->empty()) return std::nullopt;
  return KeyValue{.key = std::move(*key),
                  .value = std::move(*value),
                  .create_revision = int_field(json, "create_revision"),
                  .mod_revision = int_field(json, "mod_revision"),
                  .lease = lease_field(json, "lease")};
}

Json compare_json(const Compare& compare) {
  Json json = {{"key", base64_encode(compare.key)}, {"result", "EQUAL"}};
  switch (compare.what) {
    case Compare::What::mod_revision:
      json["target"] = "MOD";
      json["mod_revision"] = std::to_string(compare.revision);
      break;
    case Compare::What::create_revision:
      json["target"] = "CREATE";
      json["create_revision"] = std::to_string(compare.revision);
      break;
    case Compare::What::lease:
      json["target"] = "LEASE";
      json["lease"] = lease_number(compare.lease);
      break;
    case Compare::What::value:
      json["target"] = "VALUE";
      json["value"] = base64_encode(compare.value);
      break;
  }
  return json;
}

Json operation_json(const Operation& operation) {
  if (const auto* put = std::get_if<Put>(&operation)) {
    Json json = {{"key", base64_encode(put->key)}, {"value", base64_encode(put->value)}};
    if (put->lease) json["lease"] = lease_number(put->lease);
    return {{"request_put", std::move(json)}};
  }
  const auto& del = std::get<Delete>(operation);
  Json json = {{"key", base64_encode(del.key)}};
  if (del.prefix) json["range_end"] = base64_encode(range_end(del.key));
  return {{"request_delete_range", std::move(json)}};
}

// The gateway reports an error in three forms, depending on its version and on whether the call streams.
GatewayError error_of(const Json& json) {
  const Json* error = find(json, "error");
  const Json& source = error && error->is_object() ? *error : json;
  auto code = int_field(source, "code");
  if (code == 0) code = int_field(source, "grpc_code");
  auto message = text_field(source, "message");
  if (message.empty()) message = text_field(source, "error");
  return classify(static_cast<int>(code), std::move(message));
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0u; };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    text += alphabet[group >> 18];
    text += alphabet[group >> 12 & 63];
    text += i + 1 < bytes.size() ? alphabet[group >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? alphabet[group & 63] : '=';
  }
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  static constexpr auto values = [] {
    std::array<signed char, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
      table[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
    }
    return table;
  }();
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  unsigned group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool pad = i >= text.size() - padding;
    const int value = pad ? 0 : values[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    group = group << 6 | static_cast<unsigned>(value);
    if (i % 4 != 3) continue;
    bytes += static_cast<char>(group >> 16 & 255);
    bytes += static_cast<char>(group >> 8 & 255);
    bytes += static_cast<char>(group & 255);
    group = 0;
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

std::string range_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::string(1, '\0');  // etcd reads one zero byte as "to the end"
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string range_body(std::string_view prefix, Revision min_mod_revision) {
  Json json = {{"key", base64_encode(prefix)}, {"range_end", base64_encode(range_end(prefix))}};
  if (min_mod_revision > 0) json["min_mod_revision"] = std::to_string(min_mod_revision);
  return dump(json);
}

namespace {
Json range_after(std::string_view prefix, std::string after, int limit) {
  // The next key after `after` is the same with a zero byte behind it.
  const auto first = after.empty() ? std::string(prefix) : std::move(after) + '\0';
  return {
      {"key", base64_encode(first)}, {"range_end", base64_encode(range_end(prefix))}, {"limit", std::to_string(limit)}};
}
}  // namespace

std::string range_after_body(std::string_view prefix, std::string after, int limit) {
  return dump(range_after(prefix, std::move(after), limit));
}

std::string names_after_body(std::string_view prefix, std::string after, int limit) {
  auto json = range_after(prefix, std::move(after), limit);
  json["keys_only"] = true;
  return dump(json);
}

std::string txn_body(const std::vector<Compare>& compares, const std::vector<Operation>& operations) {
  Json json = {{"compare", Json::array()}, {"success", Json::array()}};
  for (const auto& compare : compares) json["compare"].push_back(compare_json(compare));
  for (const auto& operation : operations) json["success"].push_back(operation_json(operation));
  return dump(json);
}

std::string grant_body(Duration ttl) {
  return dump({{"TTL", std::to_string(std::chrono::ceil<std::chrono::seconds>(ttl).count())}});
}

std::string lease_body(const LeaseId& id) { return dump({{"ID", lease_number(id)}}); }

std::string authenticate_body(std::string_view username, std::string_view password) {
  return dump({{"name", username}, {"password", password}});
}

std::string watch_body(std::string_view prefix, Revision from) {
  Json request = {{"key", base64_encode(prefix)},
                  {"range_end", base64_encode(range_end(prefix))},
                  {"start_revision", std::to_string(from)},
                  {"progress_notify", true}};
  return dump({{"create_request", std::move(request)}});
}

std::optional<Range> parse_range(const Json& answer) {
  const auto revision = header_revision(answer);
  if (!revision) return std::nullopt;
  Range range{.keys = {}, .count = int_field(answer, "count"), .revision = *revision};
  if (const Json* kvs = find(answer, "kvs"); kvs && kvs->is_array()) {
    for (const auto& kv : *kvs) {
      auto parsed = parse_key_value(kv);
      if (!parsed) return std::nullopt;
      range.keys.push_back(std::move(*parsed));
    }
  }
  return range;
}

std::optional<TxnResult> parse_txn(const Json& answer) {
  const auto revision = header_revision(answer);
  if (!revision) return std::nullopt;
  return TxnResult{.succeeded = bool_field(answer, "succeeded"), .revision = *revision};
}

std::optional<LeaseGrant> parse_grant(const Json& answer) {
  const LeaseGrant grant{.id = lease_field(answer, "ID"), .ttl = std::chrono::seconds(int_field(answer, "TTL"))};
  if (!grant.id || grant.ttl <= Duration::zero()) return std::nullopt;
  return grant;
}

std::optional<Duration> parse_keepalive(const Json& answer) {
  const Json* result = find(answer, "result");
  if (!result || !result->is_object()) return std::nullopt;
  return std::chrono::seconds(int_field(*result, "TTL"));
}

GatewayError classify(int grpc_code, std::string message) {
  using Kind = GatewayError::Kind;
  const auto says = [&](std::string_view words) { return message.find(words) != message.npos; };
  Kind kind = Kind::refused;
  if (says("lease not found")) {
    kind = Kind::lease_gone;
  } else if (says("authentication is not enabled")) {
    kind = Kind::auth_disabled;
  } else if (says("invalid auth token") || says("auth store is old") || says("revision in header is old") ||
             says("user name is empty")) {
    kind = Kind::auth;
  } else if (grpc_code == 14 || grpc_code == 4 || grpc_code == 1 || grpc_code == 13 || grpc_code == 2) {
    kind = Kind::unavailable;  // Unavailable, DeadlineExceeded, Canceled, Internal, Unknown
  }
  return {.kind = kind, .what = std::move(message)};
}

std::optional<GatewayError> parse_error(int http_status, std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && (json.contains("error") || (http_status != 200 && json.contains("message")))) {
    return error_of(json);
  }
  if (http_status == 200) return std::nullopt;
  auto what = "HTTP status " + std::to_string(http_status);
  const auto kind = http_status >= 500 ? GatewayError::Kind::unavailable : GatewayError::Kind::refused;
  return GatewayError{.kind = kind, .what = std::move(what)};
}

std::string api_prefix(std::string_view body) {
  const auto version = text_field(Json::parse(body, nullptr, false), "etcdserver");
  return version.starts_with("3.3.") ? "/v3beta" : "/v3";
}

std::optional<DcsError> WatchParser::feed(std::string_view chunk, std::vector<WatchBatch>& into) {
  pending_ += chunk;
  std::size_t begin = 0;
  std::optional<DcsError> error;
  for (auto end = pending_.find('\n'); !error && end != pending_.npos; end = pending_.find('\n', begin)) {
    error = take(std::string_view(pending_).substr(begin, end - begin), into);
    begin = end + 1;
  }
  pending_.erase(0, begin);
  if (!error && pending_.size() > watch_line_bytes_max) {
    error = DcsError{ErrorKind::unreachable, "etcd's watch sent a line without end"};
  }
  return error;
}

std::optional<DcsError> WatchParser::take(std::string_view line, std::vector<WatchBatch>& into) {
  if (line.find_first_not_of(" \t\r") == line.npos) return std::nullopt;
  const Json json = Json::parse(line, nullptr, false);
  const Json* result = find(json, "result");
  if (!result) {
    if (!find(json, "error"))
      return DcsError{ErrorKind::unreachable, "etcd's watch sent something that is not an answer"};
    const auto error = error_of(json);
    auth_failed_ = error.kind == GatewayError::Kind::auth;
    const bool refused = error.kind == GatewayError::Kind::refused;
    return DcsError{refused ? ErrorKind::refused : ErrorKind::unreachable, "etcd's watch: " + error.what};
  }
  if (bool_field(*result, "canceled")) return cancelled(*result);
  WatchBatch batch;
  if (const Json* events = find(*result, "events"); events && events->is_array()) {
    for (const auto& event : *events) {
      const Json* kv = find(event, "kv");
      auto parsed = kv ? parse_key_value(*kv) : std::nullopt;
      if (!parsed) return DcsError{ErrorKind::unreachable, "etcd's watch sent an event without a key"};
      // The revision is that of the events. The header's revision is the store's, which may be ahead of the events that
      // have been sent.
      batch.revision = parsed->mod_revision;
      batch.events.push_back({.deleted = text_field(event, "type") == "DELETE", .kv = std::move(*parsed)});
    }
  }
  if (bool_field(*result, "created")) {
    created_ = true;
    if (batch.events.empty()) batch.revision = from_ - 1;  // the header's revision may be ahead, as above
  } else if (batch.events.empty()) {
    // A progress notification: all events up to this revision have been sent.
    batch.revision = header_revision(*result).value_or(0);
  }
  into.push_back(std::move(batch));
  return std::nullopt;
}

std::optional<DcsError> WatchParser::cancelled(const Json& result) {
  if (int_field(result, "compact_revision") > 0) {
    return DcsError{ErrorKind::compacted, "revision " + std::to_string(from_) + " is compacted"};
  }
  const auto reason = text_field(result, "cancel_reason");
  const bool refused = reason.find("permission denied") != reason.npos;
  // etcd gives a watch with an outdated token the same answer as a watch without the permission.
  auth_failed_ = refused || classify(0, reason).kind == GatewayError::Kind::auth;
  return DcsError{refused ? ErrorKind::refused : ErrorKind::unreachable, "etcd ended the watch: " + reason};
}

}  // namespace tamada::dcs
