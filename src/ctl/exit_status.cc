#include <cstdlib>
#include <string_view>

#include "ctl/commands.h"

namespace tamada::ctl {
namespace {

std::string program_name;

}  // namespace

void set_program_name(const std::string& name) { program_name = name; }

bool keeps_patronictl_status() {
  const char* wish = std::getenv("PATRONICTL_COMPAT");
  if (wish == nullptr || *wish == '\0') return program_name == "patronictl";
  const std::string_view text = wish;
  return text != "0" && text != "false" && text != "off" && text != "no";
}

Done failure_told() {
  if (keeps_patronictl_status()) return {};
  return core::fail("");
}

}  // namespace tamada::ctl
