// Facts about this machine: ports that accept connections, programs, its own address. These functions block, so only
// commands use them, and never the daemon's loop.
#pragma once

#include <string>

namespace tamada::setup {

// Whether something accepts connections there, within two seconds.
bool answers(const std::string& host, const std::string& port);

// The path of a program in `folder`, or in PATH if `folder` is empty. Empty when no such program can be run.
std::string find_program(const std::string& folder, const std::string& name);

// Reads 15 from the output of `postgres --version`; 0 when the output is not known.
int major_version_of(const std::string& postgres);

struct Host {
  std::string name, address;
};
// The host's name and the first address that it resolves to, IPv4 before IPv6; empty when not known.
Host this_host();

}  // namespace tamada::setup
