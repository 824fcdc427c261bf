// The command line of tamadactl, which is the same as patronictl's.
#pragma once

namespace tamada::ctl {

// Returns the exit status: 0 on success, 1 after an error, 2 for a command line that cannot be understood.
int run(int argc, char** argv);

}  // namespace tamada::ctl
