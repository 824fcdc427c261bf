// The section `watchdog`: Patroni's, and `guard`, which is ours.
#include "config/local_sections.h"
#include "wire/json.h"

namespace tamada::config {

void read_watchdog(Section section, Watchdog& watchdog) {
  using Mode = Watchdog::Mode;
  if (const Json* raw = section.raw("mode"); raw && wire::to_bool(*raw) == false) {  // YAML reads a bare off as false
    watchdog.mode = Mode::off;
  } else if (raw) {
    const auto mode =
        section.one_of("mode", {"automatic", "required", "off", "auto", "require", "disable", "disabled"}, "automatic");
    watchdog.mode = mode.starts_with("requ") ? Mode::required : mode.starts_with("auto") ? Mode::automatic : Mode::off;
  }
  watchdog.device = section.text("device", watchdog.device);
  watchdog.testing = section.one_of("driver", {"default", "testing"}, "default") == "testing";
  if (const auto margin = section.integer("safety_margin", -1, 3600)) {
    watchdog.safety_margin_s = static_cast<int>(*margin);
  }
  watchdog.guard = section.boolean("guard").value_or(true);
  section.finish();
}

}  // namespace tamada::config
