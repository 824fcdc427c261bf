#include "ctl/remembered.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "ctl/output.h"
#include "net/files.h"
#include "wire/json.h"
#include "wire/keys.h"
#include "wire/python_json.h"

namespace tamada::ctl {
namespace {

namespace fs = std::filesystem;

fs::path cache_folder() {
  const auto given = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr || *value != '/' ? "" : value;
  };
  if (const auto own = given("XDG_CACHE_HOME"); !own.empty()) return fs::path(own) / "tamada";
  const auto home = given("HOME");
  return home.empty() ? fs::path() : fs::path(home) / ".cache" / "tamada";
}

std::string identity(const Whose& whose) { return fmt::format("{}{}", fmt::join(whose.endpoints, ","), whose.prefix); }

// FNV-1a gives the same file name in every build. The content of the file tells which cluster it is about.
fs::path file_of(const Whose& whose) {
  const auto folder = cache_folder();
  if (folder.empty()) return {};
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : identity(whose)) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return folder / fmt::format("{:016x}.json", hash);
}

// Only this user can read the file, because the dynamic configuration may contain passwords.
bool write_privately(const fs::path& file, const std::string& text) {
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written;
}

}  // namespace

void remember(const Whose& whose, const dcs::Range& range, core::WallTime at) {
  const auto file = file_of(whose);
  if (file.empty() || range.keys.empty()) return;
  std::error_code ignored;
  fs::create_directories(file.parent_path().parent_path(), ignored);
  if (fs::create_directory(file.parent_path(), ignored)) {
    fs::permissions(file.parent_path(), fs::perms::owner_all, ignored);
  }
  Json keys = Json::object();
  for (const auto& kv : range.keys) keys[kv.key] = kv.value;
  const Json whole = {{"of", identity(whose)}, {"at", wire::format_iso(at)}, {"keys", std::move(keys)}};
  // Several commands may write at once, so each writes its own file and renames it.
  const auto fresh = fs::path(file.string() + fmt::format(".{}", getpid()));
  if (write_privately(fresh, wire::dump_compact(whole))) fs::rename(fresh, file, ignored);
  fs::remove(fresh, ignored);
}

std::optional<Remembered> recall(const Whose& whose) {
  const auto file = file_of(whose);
  if (file.empty()) return std::nullopt;
  const auto whole = wire::parse_object(net::read_file(file).value_or(""));
  if (!whole || wire::text_at(*whole, "of") != identity(whose)) return std::nullopt;
  const auto at = wire::parse_iso(wire::text_at(*whole, "at"));
  const Json* keys = wire::find(*whole, "keys");
  if (!at || keys == nullptr || !keys->is_object()) return std::nullopt;
  Remembered remembered{.range = {.keys = {}, .count = static_cast<std::int64_t>(keys->size()), .revision = 1},
                        .at = at->time};
  for (const auto& [key, value] : keys->items()) {
    if (!value.is_string()) continue;
    remembered.range.keys.push_back(
        {.key = key, .value = value.get<std::string>(), .create_revision = 1, .mod_revision = 1});
  }
  return remembered;
}

}  // namespace tamada::ctl
