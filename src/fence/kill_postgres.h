// Ends all processes of a PostgreSQL server, without the server's help.
#pragma once

namespace tamada::fence {

// Sends SIGKILL to the postmaster and to all its children, because a busy backend would not notice the end of its
// postmaster before its statement is done. Crash recovery at the next start repairs the data (PostgreSQL's page
// "Shutting Down the Server"). `pidfd` must belong to `pid`, so that no later process with this number is hit. Returns
// how many processes got the signal.
int kill_postgres(int pid, int pidfd);

// The postmaster's pid from postmaster.pid of the data directory, if that process runs there; 0 when none runs.
int running_postmaster(const char* data_dir);

}  // namespace tamada::fence
