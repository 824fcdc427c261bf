// Checks a document by the table of keys, and reports all mistakes at once, each with its place.
#pragma once

#include <string>
#include <vector>

#include "config/local.h"
#include "config/schema.h"
#include "config/yaml.h"

namespace tamada::config {

struct Problem {
  std::string origin;  // "patroni.yml:12", a variable's name, or empty
  std::string text;    // "postgresql.listen: ..."
};

struct Problems {
  std::vector<Problem> errors, warnings;
};

// As lines, in the order of their places in the file: "patroni.yml:12: postgresql.listen: ...".
std::vector<std::string> lines_of(std::vector<Problem> problems);

// Where `path` was written; if the path itself was not, the place of its nearest parent that was.
std::string origin_of(const Document& document, const std::string& path);

// Errors are missing keys that the daemon needs and values that are not valid. Unknown keys and keys without effect are
// warnings.
void validate(const Document& document, const Key& schema, Purpose purpose, Problems& problems);

}  // namespace tamada::config
