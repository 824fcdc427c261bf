#include "agent/consents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "net/files.h"
#include "wire/json.h"
#include "wire/peer.h"

namespace tamada::agent {

namespace {

std::int64_t ns(core::Instant at) { return at.time_since_epoch().count(); }

bool write_whole(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const auto size = static_cast<ssize_t>(text.size());
  const bool written = ::write(fd, text.data(), text.size()) == size;
  return ::close(fd) == 0 && written;
}

}  // namespace

SharedMemoryNote::SharedMemoryNote(const std::string& data_dir, const std::string& folder)
    : path_(folder + net::shared_memory_name("tamada-consents", data_dir)),
      boot_(net::read_file("/proc/sys/kernel/random/boot_id").value_or("")) {
  if (!boot_.ends_with('\n')) boot_ += '\n';
}

std::string SharedMemoryNote::read() {
  // Everybody may make files in /dev/shm, so a file of another user is not believed.
  struct stat found{};
  if (::lstat(path_.c_str(), &found) != 0 || !S_ISREG(found.st_mode) || found.st_uid != ::geteuid()) return "";
  const auto text = net::read_file(path_).value_or("");
  return text.starts_with(boot_) ? text.substr(boot_.size()) : "";
}

bool SharedMemoryNote::write(const std::string& text) {
  const auto next = path_ + ".new";
  ::unlink(next.c_str());
  if (write_whole(next, boot_ + text) && std::rename(next.c_str(), path_.c_str()) == 0) return true;
  ::unlink(next.c_str());
  ::unlink(path_.c_str());
  return read().empty();
}

std::string consents_text(const std::string& cluster, const std::string& member, const core::FailsafeView& given) {
  wire::Json text{{"cluster", cluster}, {"member", member}, {"known_since_ns", ns(given.known_since)}};
  if (given.told_at != core::Instant{}) {
    text["told_at_ns"] = ns(given.told_at);
    text["told_for_ns"] = given.told_for.count();
    text["leader"] = wire::failsafe_leader_json(given.leader);
  }
  return wire::dump_compact(text);
}

std::optional<core::FailsafeView> read_consents(const std::string& cluster, const std::string& member,
                                                const std::string& text, core::Instant now) {
  const auto note = wire::parse_json(text);
  if (!note || !note->is_object()) return std::nullopt;
  if (wire::text_at(*note, "cluster") != cluster || wire::text_at(*note, "member") != member) return std::nullopt;
  const auto known_since = wire::integer_at(*note, "known_since_ns");
  if (!known_since || *known_since > ns(now)) return std::nullopt;
  core::FailsafeView given;
  given.known_since = core::Instant(core::Duration(*known_since));
  if (!wire::find(*note, "told_at_ns")) return given;
  const auto told_at = wire::integer_at(*note, "told_at_ns");
  const auto told_for = wire::integer_at(*note, "told_for_ns");
  auto leader = wire::parse_failsafe_leader(wire::text_at(*note, "leader"));
  if (!told_at || *told_at > ns(now) || !told_for || !leader) return std::nullopt;
  given.told_at = core::Instant(core::Duration(*told_at));
  given.told_for = core::Duration(*told_for);
  given.leader = std::move(*leader);
  return given;
}

}  // namespace tamada::agent
