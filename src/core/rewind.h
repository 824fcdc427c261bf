// The functions that pg_rewind calls on its source server. Source: PostgreSQL, pg_rewind's reference page, "Notes".
#pragma once

#include <array>
#include <string>

namespace tamada::core {

inline constexpr std::array<const char*, 4> rewind_functions{"pg_ls_dir(text, boolean, boolean)",
                                                             "pg_stat_file(text, boolean)", "pg_read_binary_file(text)",
                                                             "pg_read_binary_file(text, bigint, bigint, boolean)"};

// The last step of the job: nothing is changed before it.
inline constexpr const char* rewind_step = "pg_rewind";

// `user` is quoted as SQL requires.
inline std::string rewind_grant(const std::string& function, const std::string& user) {
  return "GRANT EXECUTE ON FUNCTION pg_catalog." + function + " TO " + user;
}

// A query with one text column: those of the functions that the role `user`, an SQL expression, may not call.
inline std::string rewind_functions_missing(const std::string& user) {
  std::string list;
  for (const auto* function : rewind_functions) list += (list.empty() ? "'" : ", '") + std::string(function) + "'";
  return "SELECT f FROM pg_catalog.unnest(ARRAY[" + list + "]) AS f WHERE NOT pg_catalog.has_function_privilege(" +
         user + ", 'pg_catalog.' || f, 'EXECUTE')";
}

}  // namespace tamada::core
