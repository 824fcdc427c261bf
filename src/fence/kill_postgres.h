// Ends a PostgreSQL server for good, every process of it, without its help.
#pragma once

namespace tamada::fence {

// Sends SIGKILL to the postmaster and to all its children, because a backend that is busy would not notice the end of
// its postmaster before its statement is done. Crash recovery at the next start makes it whole (PostgreSQL's page
// "Shutting Down the Server"). `pidfd` must belong to `pid`, so that no later process of this number is hit.
// Returns how many processes got the signal.
int kill_postgres(int pid, int pidfd);

// The postmaster's pid, from postmaster.pid of the data directory, if that process runs there; 0: none runs.
int running_postmaster(const char* data_dir);

}  // namespace tamada::fence
