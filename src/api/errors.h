// The error page of Python's http.server, which Patroni answers errors with: `patronictl` looks for its sentences.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"

namespace tamada::api {

// An empty message: the status's own name.
net::HttpResponse error_page(int status, std::string_view message = {});

net::HttpResponse unsupported_method(std::string_view method);

}  // namespace tamada::api
