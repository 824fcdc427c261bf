// Prints the phases of a change of the leader while it runs, as a pure function of the answers of GET /tamada/handover.
#pragma once

#include <string>

#include "ctl/output.h"

namespace tamada::ctl {

class HandoverLines {
 public:
  // `before`: the answer from before the request. A change of the leader in it is an older one, which is not shown.
  explicit HandoverLines(const Json& before);
  // The text to print now: a line for each phase that has ended, and a line without an end for the running phase.
  std::string look(const Json& answer);
  bool over() const { return over_; }  // the last line has been returned
  // Ends the unfinished line, if there is one.
  std::string end();

 private:
  std::string erase_open_line();

  std::string before_;
  std::size_t printed_ = 0;
  bool open_ = false, over_ = false;
};

}  // namespace tamada::ctl
