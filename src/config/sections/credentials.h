// One of the users under postgresql.authentication.
#pragma once

#include <string>

namespace tamada::config {

struct Credentials {
  std::string username, password;
  std::string sslmode, sslcert, sslkey, sslpassword, sslrootcert, sslcrl, sslcrldir, sslnegotiation, gssencmode,
      channel_binding;
  std::string krbsrvname;  // the service's name in Kerberos, the same for all users; empty: libpq's default
};

}  // namespace tamada::config
