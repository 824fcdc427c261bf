// Prints the phases of a change of the leader while it runs, from the answers of GET /tamada/handover. Pure.
#pragma once

#include <string>

#include "ctl/output.h"

namespace tamada::ctl {

class HandoverLines {
 public:
  // `before`: the answer before the request. The change of the leader in it is an older one and is not shown.
  explicit HandoverLines(const Json& before);
  // The text to print now: a line for each phase that has ended, and a line without an end for the running phase.
  std::string look(const Json& answer);
  bool over() const { return over_; }  // the last line has been returned
  // Closes the open line.
  std::string end();

 private:
  std::string erase_open_line();

  std::string before_;
  std::size_t printed_ = 0;
  bool open_ = false, over_ = false;
};

}  // namespace tamada::ctl
