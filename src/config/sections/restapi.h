// The section `restapi` of patroni.yml.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tamada::config {

struct RestApi {
  std::string listen_host, listen_port;
  std::string connect_address;  // host:port; `listen` when it is not given
  std::string certfile, keyfile, keyfile_password, cafile;
  std::string verify_client = "none";  // none, optional, required
  std::string ciphers;                 // OpenSSL's list; empty: its default
  std::string username, password;      // of `authentication`
  // Hosts, addresses and networks that may send requests that change something. If the list is empty and allow_members
  // is off, all may.
  std::vector<std::string> allowlist;
  bool allowlist_include_members = false;
  std::vector<std::pair<std::string, std::string>> http_extra_headers;
  std::vector<std::pair<std::string, std::string>> https_extra_headers;  // with TLS these follow after the others
  int request_queue_size = 5;                                            // backlog of the listening socket
  std::string server_tokens = "original";                                // minimal, productonly, original
  bool ui = true;                                                        // the dashboard is served at /ui/
  std::string url() const;                                               // http(s)://connect_address/patroni
  // Whether anybody who reaches the port may change the cluster: the API does not listen on the loopback interface
  // alone, and requires neither a password, nor a certificate, nor an address of the list.
  bool anyone_may_write() const;
};

}  // namespace tamada::config
