// The command line of tamadactl, which is patronictl's.
#pragma once

namespace tamada::ctl {

// The exit status: 0; 1 after an error; 2 for a command line that cannot be understood.
int run(int argc, char** argv);

}  // namespace tamada::ctl
