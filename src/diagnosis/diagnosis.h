// The findings of `doctor`, as pure functions of the facts about a cluster.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/facts.h"

namespace tamada::diagnosis {

struct Finding {
  enum class Grade { ok, warning, failure } grade;
  std::string check, text, next;  // next: what to do; empty when nothing has to be done
};
std::vector<Finding> examine(const ClusterFacts& facts);

// [{"check": "ttl", "grade": "warning", "text": "...", "next": "..."}]; without `next` if it is empty.
Json findings_json(const std::vector<Finding>& findings);

}  // namespace tamada::diagnosis
