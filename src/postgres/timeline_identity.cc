// Identifies a timeline by its first record, which contains the time of the promotion and a checksum. Source:
// PostgreSQL, src/include/access/xlogrecord.h and xlog_internal.h: names of segments, sizes of headers.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "net/disk.h"
#include "net/log.h"
#include "postgres/files.h"
#include "postgres/node.h"
#include "postgres/timeline_history.h"

namespace tamada::postgres {
namespace {

constexpr core::Lsn record_header = 24, page_header = 24, segment_header = 40;

// The number of bytes from `from` on that contain the whole header of the record that begins there, and no byte of the
// next record.
core::Lsn header_bytes(core::Lsn from, core::Lsn page_size) {
  const auto left_on_page = page_size - from % page_size;
  if (left_on_page == page_size) return segment_header + record_header;
  return left_on_page < record_header ? record_header + page_header : record_header;
}

std::string segment_name(core::Timeline timeline, core::Lsn at, core::Lsn segment_size) {
  const auto number = at / segment_size, per_id = 0x100000000 / segment_size;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, number / per_id, number % per_id);
}

// The bytes in hexadecimal; empty when the file does not have them, or not yet.
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

// written: the end of this timeline's WAL on this server. Beyond that position a recycled segment holds older WAL.
std::string first_record(const Node& node, const core::TimelineStart& start, core::Lsn written, const WalFormat& wal) {
  const auto offset = start.lsn % wal.segment_size, length = header_bytes(start.lsn, wal.page_size);
  if (offset + length > wal.segment_size || written < start.lsn + length) return "";
  const auto file = "pg_wal/" + segment_name(start.timeline, start.lsn, wal.segment_size);
  const auto header = read_local(node.paths.in_data_dir(file), offset, length);
  // A record about a change of full_page_writes may precede the record with the time.
  const bool bears_no_time = length == record_header && header.size() > 36 && header.substr(32, 4) == "8000";
  return is_written(header) && !bears_no_time ? header : "";
}

}  // namespace

core::Timelines parse_remembered_timelines(const std::string& content) {
  core::Timelines result;
  std::istringstream lines(content);
  core::Timeline timeline = 0;
  for (std::string text; lines >> timeline >> text;) {
    if (auto start = core::parse_start(timeline, text)) result.push_back(*std::move(start));
  }
  return result;
}

core::Timelines timelines_of(const Node& node, core::Timeline timeline, core::Lsn written, const WalFormat& wal) {
  const auto text = read_file(node.paths.in_data_dir("pg_wal/" + history_file_name(timeline)));
  if (timeline <= 1 || !wal.known() || !text) return {};
  const auto lines = parse_timeline_history(*text);
  core::Timelines result;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool last = i + 1 == lines.size();
    result.push_back({.timeline = last ? timeline : lines[i + 1].timeline, .lsn = lines[i].lsn});
  }
  const auto known = parse_remembered_timelines(read_file(node.paths.in_data_dir(remembered_timelines)).value_or(""));
  std::string to_remember;
  for (std::size_t i = 0; i < result.size(); ++i) {
    auto& start = result[i];
    start.record = first_record(node, start, i + 1 < result.size() ? result[i + 1].lsn : written, wal);
    for (const auto& old : known) {
      if (start.record.empty() && old.timeline == start.timeline && old.lsn == start.lsn) start.record = old.record;
    }
    if (!start.record.empty()) to_remember += fmt::format("{} {}\n", start.timeline, core::format_start(start));
  }
  if (!to_remember.empty()) {
    asio::post(net::disk_thread(),
               [file = node.paths.in_data_dir(remembered_timelines), text = std::move(to_remember)] {
                 if (auto written = write_if_changed(file, text, 0600); !written)
                   log::debug("{}", written.error().what);
               });
  }
  return result;
}

awaitable<std::optional<bool>> timeline_begins_alike(Node& node, core::Upstream other, core::Timeline timeline,
                                                     core::Lsn from, Duration timeout) {
  const auto look = co_await node.data.look(false, timeout);
  if (!look.control || !look.control->wal.known()) co_return std::nullopt;
  const auto wal = look.control->wal;
  const auto offset = from % wal.segment_size, length = header_bytes(from, wal.page_size);
  if (offset + length > wal.segment_size) co_return std::nullopt;
  const auto file = "pg_wal/" + segment_name(timeline, from, wal.segment_size);
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
    log::warning("timeline {} began with different WAL here and on the other server: {} there, {} here", timeline,
                 there, here);
  co_return there == here;
}

}  // namespace tamada::postgres
