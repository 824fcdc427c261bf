#include "postgres/backup_manifest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

std::string sha256(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int length = 0;
  if (EVP_Digest(text.data(), text.size(), bytes.data(), &length, EVP_sha256(), nullptr) != 1) return "";
  std::string result;
  for (unsigned int i = 0; i < length; ++i) result += fmt::format("{:02x}", bytes[i]);
  return result;
}

// Whether the name can stand in JSON as it is. Those of relations' files can: "1259", "1259_fsm", "1259.1".
bool is_plain(std::string_view path) {
  return std::ranges::all_of(path, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '_' ||
           c == '.' || c == '-';
  });
}

}  // namespace

core::Result<std::vector<BackedUpFile>> files_of_relations(const std::string& data_dir) {
  std::vector<BackedUpFile> result;
  std::error_code error;
  for (const char* folder : {"base", "global"}) {
    for (fs::recursive_directory_iterator at(data_dir + "/" + folder, error), end; !error && at != end;
         at.increment(error)) {
      if (!at->is_regular_file(error)) continue;
      const auto bytes = at->file_size(error);
      auto path = at->path().string().substr(data_dir.size() + 1);
      if (!error && is_plain(path)) result.push_back({.path = std::move(path), .bytes = bytes});
    }
    if (error) return core::fail("cannot list the files of " + data_dir + "/" + folder + ": " + error.message());
  }
  std::ranges::sort(result, {}, &BackedUpFile::path);
  return result;
}

std::string backup_manifest(const std::string& system_identifier, const core::IncrementalBase& base,
                            const std::vector<BackedUpFile>& files) {
  std::string text = fmt::format(
      "{{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n\"System-Identifier\": {},\n\"Files\": [", system_identifier);
  for (const auto& file : files) {
    text += fmt::format("{}\n{{ \"Path\": \"{}\", \"Size\": {} }}", &file == &files.front() ? "" : ",", file.path,
                        file.bytes);
  }
  const auto from = core::format_lsn(base.redo);
  text +=
      fmt::format("\n],\n\"WAL-Ranges\": [\n{{ \"Timeline\": {}, \"Start-LSN\": \"{}\", \"End-LSN\": \"{}\" }}\n],\n",
                  base.timeline, from, from);
  // The checksum is that of all lines before its own.
  return text + fmt::format("\"Manifest-Checksum\": \"{}\"}}\n", sha256(text));
}

std::string backup_label(const core::IncrementalBase& base, core::Lsn checkpoint, const std::string& redo_wal_file) {
  return fmt::format(
      "START WAL LOCATION: {} (file {})\nCHECKPOINT LOCATION: {}\nBACKUP METHOD: streamed\nBACKUP FROM: standby\n"
      "LABEL: data directory of a standby\nSTART TIMELINE: {}\n",
      core::format_lsn(base.redo), redo_wal_file, core::format_lsn(checkpoint), base.timeline);
}

}  // namespace tamada::postgres
