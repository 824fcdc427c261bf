// What the daemon keeps in the data directory for its next life: the copy of the configuration, and who the members
// are. It goes with the data: a copy of the directory has its source's.
#pragma once

#include <map>
#include <string>

#include "core/memory.h"
#include "net/asio.h"
#include "net/clock.h"

namespace tamada::agent {

inline constexpr const char* configuration_copy = "patroni.dynamic.json";
inline constexpr const char* members_copy = "tamada.members.json";

// The simulator implements the same interface.
class KeptFiles {
 public:
  virtual ~KeptFiles() = default;
  virtual std::string read(const std::string& name) = 0;  // empty: there is no such file
  // Durable once it returns. Never into a directory that initdb or a copy is yet to fill.
  virtual awaitable<core::Result<void>> write(std::string name, std::string text) = 0;
};

class DataDirectoryFiles final : public KeptFiles {
 public:
  explicit DataDirectoryFiles(std::string directory) : directory_(std::move(directory)) {}
  std::string read(const std::string& name) override;
  awaitable<core::Result<void>> write(std::string name, std::string text) override;

 private:
  std::string directory_;
};

// One of them, written beside the cycle whenever its text changes.
class KeptFile {
 public:
  KeptFile(asio::any_io_executor executor, net::Clock& clock, KeptFiles& files, std::string name)
      : executor_(executor), clock_(clock), files_(files), name_(std::move(name)) {}
  void keep(const std::string& text, core::Duration retry_after);
  // The data directory may be another one now.
  void look_again() { known_ = false; }

 private:
  awaitable<void> write(std::string text, core::Duration retry_after);

  asio::any_io_executor executor_;
  net::Clock& clock_;
  KeptFiles& files_;
  std::string name_, text_;
  core::Instant not_before_{};
  bool known_ = false, writing_ = false;
};

// `cluster`: the prefix of its keys. Data that come to another cluster, by a new `scope`, know nobody of that.
std::string members_text(const std::string& cluster, const std::map<std::string, core::Member>& members);
// The same, made anew only when it changes: the cycle asks each time.
class MembersText {
 public:
  explicit MembersText(std::string cluster) : cluster_(std::move(cluster)), text_(members_text(cluster_, {})) {}
  const std::string& of(const std::map<std::string, core::Member>& members);

 private:
  std::string cluster_;
  std::map<std::string, std::string> urls_;
  std::string text_;
};
std::map<std::string, core::Member> read_members(const std::string& cluster, const std::string& text);

}  // namespace tamada::agent
