// What a run of the daemon leaves to the next one about failsafe mode: to whom it consented, and since when its
// consents are known. Without it, a daemon that was restarted would have to assume for a ttl that it had consented. A
// daemon of Patroni that ran in between leaves no note, so docs/migration.md asks for a pause of ttl before Tamada is
// started again.
#pragma once

#include <optional>
#include <string>

#include "core/observation.h"

namespace tamada::agent {

// A text that outlives the daemon, but not the host's run. The simulator implements the same interface.
class HostNote {
 public:
  virtual ~HostNote() = default;
  virtual std::string read() = 0;  // empty when there is none
  // Replaces the text. If that fails, the former text is removed. Returns false when even that failed, so that the next
  // run would believe the former text.
  virtual bool write(const std::string& text) = 0;
};

// A file in /dev/shm, which is memory: writing it does not wait for a disk that hangs. After a restart of the host the
// note is gone, or is of another boot and counts as gone.
class SharedMemoryNote final : public HostNote {
 public:
  explicit SharedMemoryNote(const std::string& data_dir, const std::string& folder = "/dev/shm");
  std::string read() override;
  bool write(const std::string& text) override;

 private:
  std::string path_, boot_;
};

// The text has the consent that this daemon gave, and Observation's `failsafe.known_since`. `cluster` is the prefix of
// the cluster's keys: a text of another cluster or member counts for nothing.
std::string consents_text(const std::string& cluster, const std::string& member, const core::FailsafeView& given);
// nullopt when the text is not valid, is of another cluster or member, or has a time after `now`.
std::optional<core::FailsafeView> read_consents(const std::string& cluster, const std::string& member,
                                                const std::string& text, core::Instant now);

}  // namespace tamada::agent
