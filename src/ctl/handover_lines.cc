#include "ctl/handover_lines.h"

#include <fmt/format.h>

#include "ctl/terminal.h"
#include "wire/json.h"

namespace tamada::ctl {
namespace {

double number_at(const Json& object, const char* key) {
  const Json* value = wire::find(object, key);
  return value && value->is_number() ? value->get<double>() : 0;
}

std::string last_line(const Json& handover) {
  const auto state = wire::text_at(handover, "state");
  if (state == "failed") return fmt::format("  failed: {}\n", printable(wire::text_at(handover, "reason")));
  auto text = fmt::format("  {:<12}{:>9.1f} ms", printable(state), number_at(handover, "ms"));
  if (const Json* outage = wire::find(handover, "outage_ms"); outage && outage->is_number()) {
    text += fmt::format(", without a primary for {:.1f} ms", outage->get<double>());
  }
  return text + "\n";
}

}  // namespace

HandoverLines::HandoverLines(const Json& before) : before_(wire::text_at(before, "began")) {}

std::string HandoverLines::erase_open_line() {
  const bool open = open_;
  open_ = false;
  return open ? "\r\033[K" : "";
}

std::string HandoverLines::look(const Json& answer) {
  const auto began = wire::text_at(answer, "began");
  const Json* phases = wire::find(answer, "phases");
  if (over_ || began.empty() || began == before_ || phases == nullptr || !phases->is_array()) return "";
  auto text = erase_open_line();
  for (std::size_t i = printed_; i < phases->size(); ++i) {
    const auto& phase = (*phases)[i];
    const auto line =
        fmt::format("  {:<12}{:>9.1f} ms", printable(wire::text_at(phase, "phase")), number_at(phase, "ms"));
    open_ = wire::text_at(phase, "state") == "running";
    const auto waits_for = wire::text_at(phase, "waits_for");
    text += line + (!open_ ? "\n" : waits_for.empty() ? " ..." : " ... " + waits_for);
    if (open_) break;
    ++printed_;
  }
  if (wire::text_at(answer, "state") == "running") return text;
  over_ = true;
  return text + erase_open_line() + last_line(answer);
}

std::string HandoverLines::end() { return erase_open_line(); }

}  // namespace tamada::ctl
