// The phases of a change of the leader as they go by, from the answers of GET /tamada/handover. Pure.
#pragma once

#include <string>

#include "ctl/output.h"

namespace tamada::ctl {

class HandoverLines {
 public:
  // `before`: the answer that was got before the request. The change of the leader that it tells of is an older one and
  // is not shown.
  explicit HandoverLines(const Json& before);
  // What is to be printed now: the phases that have ended, one a line; the one that runs, on a line that stays open.
  std::string look(const Json& answer);
  bool over() const { return over_; }  // its last line has been given
  // Closes the open line.
  std::string end();

 private:
  std::string erase_open_line();

  std::string before_;
  std::size_t printed_ = 0;
  bool open_ = false, over_ = false;
};

}  // namespace tamada::ctl
