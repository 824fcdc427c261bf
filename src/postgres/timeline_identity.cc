// Which of two histories a timeline's number stands for: its first record bears the time of the promotion and a
// checksum. Source: PostgreSQL, src/include/access/xlogrecord.h and xlog_internal.h: names of segments, sizes of
// headers.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "net/log.h"
#include "postgres/node.h"

namespace tamada::postgres {
namespace {

constexpr core::Lsn page_size = 8192;
constexpr core::Lsn record_header = 24, page_header = 24, segment_header = 40;

// So many bytes from `from` on hold the whole header of the record that begins there, and nothing after that record.
core::Lsn header_bytes(core::Lsn from) {
  const auto left_on_page = page_size - from % page_size;
  if (left_on_page == page_size) return segment_header + record_header;
  return left_on_page < record_header ? record_header + page_header : record_header;
}

std::string segment_name(core::Timeline timeline, core::Lsn at, core::Lsn segment_size) {
  const auto number = at / segment_size, per_id = 0x100000000 / segment_size;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, number / per_id, number % per_id);
}

// Hexadecimal; empty: not there, or not written yet.
std::string read_local(const std::string& file, core::Lsn offset, core::Lsn length) {
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(length, '\0');
  if (!stream.seekg(static_cast<std::streamoff>(offset)) ||
      !stream.read(bytes.data(), static_cast<std::streamsize>(length))) {
    return "";
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

bool is_written(const std::string& hexadecimal) { return hexadecimal.find_first_not_of('0') != std::string::npos; }

}  // namespace

awaitable<std::optional<bool>> timeline_begins_alike(Node& node, core::Upstream other, core::Timeline timeline,
                                                     core::Lsn from, Duration timeout) {
  const auto look = co_await node.data.look(false, timeout);
  if (!look.control || look.control->wal_segment_size == 0) co_return std::nullopt;
  const auto segment_size = look.control->wal_segment_size;
  const auto offset = from % segment_size, length = header_bytes(from);
  if (offset + length > segment_size) co_return std::nullopt;
  const auto file = "pg_wal/" + segment_name(timeline, from, segment_size);
  const auto here = read_local(node.paths.in_data_dir(file), offset, length);
  if (!is_written(here)) co_return std::nullopt;

  Connection connection(node.executor);
  auto credentials = node.access.rewind_credentials(node.data.major_version());
  const auto opened = co_await node.access.open_remote(connection, std::move(other), credentials, false, timeout);
  if (!opened) co_return std::nullopt;
  auto question = fmt::format("SELECT pg_catalog.encode(pg_catalog.pg_read_binary_file('{}', {}, {}, true), 'hex')",
                              file, offset, length);
  const auto rows = co_await connection.query(std::move(question), timeout);
  if (!rows) {
    log::debug("cannot compare the beginning of timeline {}: {}", timeline, rows.error().what);
    co_return std::nullopt;
  }
  const auto there = rows->empty() ? std::string() : rows->front().front().value_or("");
  if (there.size() != here.size() || !is_written(there)) co_return std::nullopt;
  if (there != here && node.first_time(fmt::format("{} {} {}", timeline, there, here)))
    log::warning("timeline {} began with other WAL there than here: {} and {}", timeline, there, here);
  co_return there == here;
}

}  // namespace tamada::postgres
