// The error page of Python's http.server, by which Patroni answers errors. `patronictl` looks for sentences in it.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"

namespace tamada::api {

// An empty message stands for the status's name.
net::HttpResponse error_page(int status, std::string_view message = {});

net::HttpResponse unsupported_method(std::string_view method);

}  // namespace tamada::api
