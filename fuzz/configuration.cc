// Reads a configuration of arbitrary text, validates it, prints it and reads it again. Nothing may crash, and the
// second reading must give the same as the first.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "config/effective.h"
#include "config/local.h"
#include "config/server_configuration.h"
#include "config/validate.h"
#include "config/yaml.h"
#include "config/yaml_emit.h"

using namespace tamada;

namespace {

// The value as text, for comparisons: with sorted keys, because printing does not keep their order, and so that NaN is
// equal to itself.
std::string canonical(const config::Json& value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = config::parse_yaml(text, "fuzz.yml");
  if (!document) return 0;
  const auto again = config::parse_yaml(config::emit_yaml(document->value), "printed.yml");
  if (!again || canonical(again->value) != canonical(document->value)) std::abort();
  if (!document->value.is_object()) return 0;
  config::Problems problems;
  const auto local = config::read_local(*document, {}, config::Purpose::daemon, problems);
  (void)config::lines_of(problems.errors);
  std::vector<std::string> warnings;
  const auto effective = config::with_dynamic(local, document->value, &warnings);
  (void)config::settings(effective, document->value, &warnings);
  constexpr auto versions = std::to_array<int>({0, 90600, 110000, 150000});
  (void)config::server_configuration(effective, document->value, versions[size % versions.size()]);
  return 0;
}
