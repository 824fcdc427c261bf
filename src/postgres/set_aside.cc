#include "postgres/set_aside.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "net/log.h"
#include "net/process.h"
#include "postgres/files.h"

namespace tamada::postgres {
namespace {

namespace fs = std::filesystem;

core::Result<void> rename_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return core::fail("cannot rename " + from.string() + " to " + to.string() + ": " + error.message());
  return {};
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// The links of a cluster that lead out of it. Source: PostgreSQL, "Database File Layout": pg_wal may be one, and the
// entries of pg_tblspc are, but for in-place ones.
std::vector<fs::path> outward_links(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code ignored;
  const auto consider = [&](const fs::path& path) {
    if (!fs::is_symlink(path, ignored)) return;
    const auto target = fs::canonical(path, ignored);
    if (!target.empty() && !lies_in(target, fs::canonical(directory, ignored))) found.push_back(path);
  };
  consider(directory / "pg_wal");
  for (const auto& entry : fs::directory_iterator(directory / "pg_tblspc", ignored)) {
    const auto name = entry.path().filename().string();
    if (std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); })) consider(entry.path());
  }
  return found;
}

// The place itself stays, empty and with its owner's rights: it may be the only one where a new one can be made.
core::Result<void> move_target(const fs::path& link, const std::string& suffix) {
  std::error_code error;
  const auto target = fs::canonical(link, error);
  if (error) return core::fail("cannot follow " + link.string() + ": " + error.message());
  const fs::path aside = target.string() + "_" + suffix;
  const auto rights = fs::status(target, error).permissions();
  if (auto renamed = rename_to(target, aside); !renamed) return renamed;
  log::info("renamed {} to {}", target.string(), aside.string());
  fs::create_directory(target, error);
  if (!error) fs::permissions(target, rights, error);
  if (error) return core::fail("cannot make " + target.string() + " again: " + error.message());
  return {};
}

core::Result<void> point_aside(const fs::path& link, const std::string& suffix) {
  std::error_code error;
  const fs::path aside = fs::canonical(link, error).string() + "_" + suffix;
  if (auto moved = move_target(link, suffix); !moved) return moved;
  fs::remove(link, error);
  fs::create_symlink(aside, link, error);
  if (error) return core::fail("cannot make the link " + link.string() + ": " + error.message());
  return {};
}

}  // namespace

core::Result<std::string> rename_aside(const std::string& data_dir, const std::string& suffix) {
  std::error_code ignored;
  const auto links = outward_links(data_dir);
  for (const auto& link : links) {
    if (auto moved = point_aside(link, suffix); !moved) return std::unexpected(moved.error());
  }
  if (fs::is_symlink(data_dir, ignored)) {
    const auto aside = fs::canonical(data_dir, ignored).string() + "_" + suffix;
    if (auto moved = move_target(data_dir, suffix); !moved) return std::unexpected(moved.error());
    return aside;
  }
  const auto aside = data_dir + "_" + suffix;
  if (auto renamed = rename_to(data_dir, aside); !renamed) return std::unexpected(renamed.error());
  return aside;
}

std::vector<std::string> SupersededList::directories() const {
  std::vector<std::string> result;
  std::istringstream lines(read_file(file_).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('/')) result.push_back(line);
  }
  return result;
}

bool SupersededList::empty() const { return !exists(file_); }

core::Result<void> SupersededList::add(const std::string& directory) {
  return write_file(file_, read_file(file_).value_or("") + directory + "\n", 0600);
}

awaitable<core::Result<void>> SupersededList::remove_all() const {
  net::SpawnOptions options{.argv = {"nice", "rm", "-rf", "--"}, .capture = true};
  for (const auto& directory : directories()) {
    std::error_code ignored;
    for (const auto& link : outward_links(directory)) options.argv.push_back(fs::canonical(link, ignored).string());
    options.argv.push_back(directory);
    log::info("removing {}: it has been replaced", directory);
  }
  const auto removed = co_await net::run(std::move(options), core::Duration::zero());
  if (!removed) co_return std::unexpected(removed.error());
  if (!removed->ok()) co_return core::fail("cannot remove a replaced data directory: " + removed->output);
  co_return remove_if_exists(file_);
}

}  // namespace tamada::postgres
