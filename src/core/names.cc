#include "core/action.h"

namespace tamada::core {

std::string_view name(JobKind kind) {
  switch (kind) {
    case JobKind::none:
      return "nothing";
    case JobKind::bootstrap:
      return "bootstrap";
    case JobKind::basebackup:
      return "basebackup";
    case JobKind::start:
      return "start";
    case JobKind::stop:
      return "stop";
    case JobKind::promote:
      return "promote";
    case JobKind::rewind:
      return "rewind";
    case JobKind::copy_slots:
      return "copy of logical slots";
  }
  return "?";
}

std::string_view name(const Action& action) {
  return std::visit([](const auto& one) { return one.name; }, action);
}

}  // namespace tamada::core
