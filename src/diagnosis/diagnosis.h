// The findings of `doctor`, as pure functions of the facts about a cluster.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "diagnosis/facts.h"
#include "diagnosis/texts.h"

namespace tamada::diagnosis {

using Values = std::vector<std::pair<std::string, std::string>>;  // by the names in the braces of a text

struct Finding {
  Grade grade;
  std::string check, text, next;  // next: what to do; empty when nothing has to be done
  std::string code;               // of the table of texts
  Values values;                  // what the texts contain
};
Finding finding(Code code, Values values);
std::vector<Finding> examine(const ClusterFacts& facts);

// [{"check": "ttl", "grade": "warning", "text": "...", "next": "...", "code": "ttl_too_short", "values": {"ttl": "20",
// ...}}]; without `next` if it is empty.
Json findings_json(const std::vector<Finding>& findings);

}  // namespace tamada::diagnosis
