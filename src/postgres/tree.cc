#include "postgres/tree.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "postgres/places.h"

namespace tamada::postgres {
namespace {

constexpr std::array<std::string_view, 5> written_by_us{"patroni.dynamic.json", "tamada.members.json", "standby.signal",
                                                        "recovery.signal", "recovery.conf"};

std::uint64_t hash_of(std::string_view text) {  // FNV-1a
  std::uint64_t hash = 14695981039346656037u;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

bool counts(const std::string& name) {
  return std::ranges::find(written_by_us, name) == written_by_us.end() && !name.ends_with(".tamada_tmp");
}

}  // namespace

std::string fingerprint_of_tree(const std::string& data_dir) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::uint64_t sum = 0, files = 0;
  fs::recursive_directory_iterator it(data_dir, fs::directory_options::follow_directory_symlink, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const std::string path = it->path().string();
    if (path == holder_of(data_dir) || path == data_dir + "/pg_wal") it.disable_recursion_pending();
    if (path == holder_of(data_dir) || (it.depth() == 0 && !counts(it->path().filename().string()))) continue;
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return "";
    const bool file = S_ISREG(status.st_mode);
    const auto told = file ? fmt::format("{} {} {} {} {}", path, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                                         status.st_mtim.tv_nsec)
                           : path;
    sum += hash_of(told);  // a sum does not depend on the order of the files
    ++files;
  }
  return error ? "" : fmt::format("{:016x}-{}", sum, files);
}

}  // namespace tamada::postgres
