#include <exception>
#include <iostream>

#include "ctl/cli.h"

int main(int argc, char** argv) {
  try {
    return tamada::ctl::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "Error: " << e.what() << "\n";
    return 1;
  }
}
