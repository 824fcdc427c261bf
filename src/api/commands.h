// What the REST API may ask of the agent, which implements this interface. The API sees nothing else of the agent.
#pragma once

#include <optional>
#include <string>

#include "core/observation.h"
#include "core/types.h"
#include "net/asio.h"
#include "wire/server_parameter.h"

namespace tamada::api {

class Commands {
 public:
  virtual ~Commands() = default;
  // Observes PostgreSQL now and publishes the snapshot; returns after `timeout` even if that has not happened.
  virtual awaitable<void> refresh(core::Duration timeout) = 0;
  // Reads all keys of the cluster from the DCS.
  virtual awaitable<core::Result<core::ClusterView>> read_keys() = 0;
  // Each write compares the key's revision; 0 means that the key must not exist. Returns false when somebody else
  // changed the key meanwhile.
  virtual awaitable<core::Result<bool>> write_failover(core::FailoverRequest request, core::Revision expected) = 0;
  virtual awaitable<core::Result<bool>> delete_failover(core::Revision expected) = 0;
  virtual awaitable<core::Result<bool>> write_config(std::string json, core::Revision expected) = 0;
  // A primary that has lost the DCS asks for our consent to go on. Returns why we refuse; nullopt when we consent.
  virtual std::optional<std::string> failsafe_leader(core::FailsafeLeader leader) = 0;
  virtual void reload() = 0;  // reads the local file again, as SIGHUP does
  virtual void restart(core::RestartRequest request) = 0;
  virtual void schedule_restart(std::optional<core::RestartRequest> request) = 0;  // nullopt cancels it
  // What a fresh copy would do with the present data.
  virtual awaitable<core::ReplacedData> replaced_data(core::Duration timeout) = 0;
  // Reads the size of every file's metadata, so it may take long, and is only for somebody who waits for it.
  virtual awaitable<core::Result<core::DataSize>> data_size(core::Duration timeout) = 0;
  // What the running server tells about its parameters; empty when it is not known.
  virtual const wire::ServerParameters& server_parameters() const = 0;
  // Makes a fresh copy of the cluster's data. by_force cancels a running long operation first.
  virtual void reinitialize(bool by_force, bool from_leader) = 0;
};

}  // namespace tamada::api
