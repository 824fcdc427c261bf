#include <exception>
#include <iostream>

#include "ctl/cli.h"
#include "net/process.h"

int main(int argc, char** argv) {
  tamada::net::keep_memory_out_of_core_dumps();
  try {
    return tamada::ctl::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "Error: " << e.what() << "\n";
    return 1;
  }
}
