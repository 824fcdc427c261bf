// The table of all keys of the configuration: type, default, range, and when a change takes effect. Reading,
// validation, the environment's variables, "did you mean" and docs/configuration.md follow from this table. Source of
// names, defaults and ranges: Patroni's documentation of YAML, environment and dynamic settings.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tamada::config {

enum class Type {
  section,     // a mapping with `keys`
  text,        // a text, or a number without quotation marks
  word,        // one of `allowed`
  level,       // of the log: one of `allowed`, in upper or lower case
  boolean,     // true/false, on/off, yes/no, 1/0, as YAML or as text
  integer,     // from min to max
  seconds,     // an integer, or text with a unit: 30min
  address,     // host:port
  addresses,   // host,host:port
  lines,       // a list of texts
  hosts,       // a list of texts, or a text with commas
  parameters,  // a mapping of names to text, numbers and booleans
  options,     // options of a program: a list of names and {name: value}, or a mapping
  mapping,     // a mapping with any contents
  dynamic,     // the dynamic configuration
  fields,      // fields of the log: a text, or a list of names and {name: printed name}
};

// When a changed value takes effect.
enum class Reload {
  at_once,    // with SIGHUP, POST /reload or a change of /config
  daemon,     // at the daemon's next start; PostgreSQL runs on meanwhile
  bootstrap,  // only when a cluster is created
  server,     // as PostgreSQL handles the parameter: at once, or with pending_restart
};

struct Key {
  std::string_view name = {};
  Type type = Type::text;
  std::string_view fallback = {};  // the default; empty when there is none, or when `what` describes it
  std::string_view what = {};      // one line for the documentation
  std::string_view allowed = {};   // the words, with ", " between them; for other types the text for errors
  std::int64_t min = 0, max = std::numeric_limits<std::int32_t>::max();
  Reload reload = Reload::at_once;
  bool required = false;              // the daemon cannot run without it
  bool variable = false;              // there is an environment variable for it
  bool open = false;                  // a section that may hold keys of other names
  std::string_view unsupported = {};  // why this key of Patroni has no effect here; empty for other keys
  std::string_view unused = {};       // why the key is accepted without a warning although it needs no action here
  std::string_view prefix = {};  // of a section: the part of its variables' names between PATRONI_ and the key's name
  std::span<const Key> keys = {};
};

extern const Key local_schema;    // patroni.yml
extern const Key dynamic_schema;  // the key /config, and bootstrap.dcs

const Key* find(const Key& section, std::string_view name);

// The known name that was probably intended; empty when none is similar.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

struct Variable {
  std::string name;  // PATRONI_RESTAPI_LISTEN
  std::string path;  // restapi.listen
  const Key* key;
};
std::vector<Variable> variables();

// The reference part of docs/configuration.md.
std::string reference_markdown();

}  // namespace tamada::config
