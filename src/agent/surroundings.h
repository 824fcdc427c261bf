// What `doctor` wants to know beside the keys and the members' answers: how each of etcd's servers is, when the
// certificates in the node's files end, and whether pg_rewind's user has its rights. Nothing of this concerns the
// lease: it is asked over connections of its own, within two seconds, and only while somebody wants to know it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/local.h"
#include "diagnosis/facts.h"
#include "net/asio.h"
#include "net/clock.h"

namespace tamada::agent {

class Surroundings {
 public:
  // The functions that the user may not call; nullopt when no server can be asked.
  using AskRights = std::function<awaitable<std::optional<core::Result<std::vector<std::string>>>>(
      std::string user, core::Duration timeout)>;

  Surroundings(asio::any_io_executor executor, net::Clock& clock, AskRights ask_rights);

  // A part that does not come in time is left out, or is that of an earlier call. The object must outlive the call.
  awaitable<diagnosis::Surroundings> look(const config::Local& local);

 private:
  struct Files;

  awaitable<diagnosis::Surroundings> certificates(std::vector<std::pair<std::string, std::string>> files);
  awaitable<diagnosis::Surroundings> rights(std::string user, std::string member);

  asio::any_io_executor executor_;
  net::Clock& clock_;
  AskRights ask_rights_;
  std::shared_ptr<Files> files_;
  // New connections to the server cost more than the rest, and the rights change seldom.
  std::optional<diagnosis::RewindRights> rights_;
  core::Instant rights_at_{};
};

}  // namespace tamada::agent
