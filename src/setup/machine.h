// Facts about this machine: ports that answer, programs, its own address. These functions block, so only commands use
// them, and never the daemon's loop.
#pragma once

#include <string>

namespace tamada::setup {

// Whether something accepts connections there, within two seconds.
bool answers(const std::string& host, const std::string& port);

// The path of a program in `folder`, or in PATH if `folder` is empty. The result is empty if no such program can be
// run.
std::string find_program(const std::string& folder, const std::string& name);

// 15, from the output of `postgres --version`; 0: unknown output.
int major_version_of(const std::string& postgres);

struct Host {
  std::string name, address;
};
// The host's name and the first address that it resolves to, IPv4 before IPv6; empty where unknown.
Host this_host();

}  // namespace tamada::setup
