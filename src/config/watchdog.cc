// The section `watchdog`: Patroni's, and `guard`, which is ours.
#include "config/local_sections.h"
#include "wire/json.h"

namespace tamada::config {

void read_watchdog(Section section, Watchdog& watchdog) {
  if (const Json* raw = section.raw("mode"); raw && wire::to_bool(*raw) == false) {  // YAML reads a bare off as false
    watchdog.mode = "off";
  } else if (raw) {
    const auto mode =
        section.one_of("mode", {"automatic", "required", "off", "auto", "require", "disable", "disabled"}, "automatic");
    watchdog.mode = mode.starts_with("requ") ? "required" : mode.starts_with("auto") ? "automatic" : "off";
  }
  watchdog.device = section.text("device", watchdog.device);
  watchdog.driver = section.one_of("driver", {"default", "testing"}, "default");
  if (const auto margin = section.integer("safety_margin", -1, 3600)) {
    watchdog.safety_margin_s = static_cast<int>(*margin);
  }
  watchdog.guard = section.boolean("guard").value_or(true);
  section.finish();
}

}  // namespace tamada::config
