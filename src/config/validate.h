// A document against the table of keys: all mistakes at once, each with the place where it stands.
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

// In the order in which they stand in the file: "patroni.yml:12: postgresql.listen: ...".
std::vector<std::string> lines_of(std::vector<Problem> problems);

// Where `path` stands, or the nearest thing around it that does stand somewhere.
std::string origin_of(const Document& document, const std::string& path);

// Keys missing that the daemon needs are errors; keys unknown or without effect are warnings.
void validate(const Document& document, const Key& schema, Purpose purpose, Problems& problems);

}  // namespace tamada::config
