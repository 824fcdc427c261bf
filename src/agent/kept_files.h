// The files that the daemon keeps in the data directory for its next run: the copy of the configuration, and the list
// of the members. They belong to the data, so a copy of the directory contains the files of its source.
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
  virtual std::string read(const std::string& name) = 0;  // empty when there is no such file
  // The file is durable once this returns. Precondition: no initdb or copy is about to fill the directory.
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

// One kept file, which is written beside the cycle whenever its text changes.
class KeptFile {
 public:
  KeptFile(asio::any_io_executor executor, net::Clock& clock, KeptFiles& files, std::string name)
      : executor_(executor), clock_(clock), files_(files), name_(std::move(name)) {}
  void keep(const std::string& text, core::Duration retry_after);
  // To be called when the data directory may have been replaced.
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

// The list of members as text. `cluster` is the prefix of the cluster's keys. If the data were moved to another cluster
// by a new `scope`, the prefix shows that the list is not of that cluster.
std::string members_text(const std::string& cluster, const std::map<std::string, core::Member>& members);
// members_text(), made again only when the members change, because each cycle asks for it.
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
