// Functions that the C++ libraries of Debian 12 call and that older versions of glibc lack: _dl_find_object
// (glibc 2.35) and arc4random (2.36). With these definitions the programs of `make tarball` also run with an older
// glibc.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#pragma GCC visibility push(hidden)

struct search {
  uintptr_t address;
  struct dl_find_object* found;
};

static int look_at(struct dl_phdr_info* object, size_t size, void* argument) {
  (void)size;
  struct search* search = argument;
  int contains = 0;
  void* frame = NULL;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)* segment = &object->dlpi_phdr[i];
    const uintptr_t begin = object->dlpi_addr + segment->p_vaddr;
    // For an address before the segment the difference wraps around, and is larger than any size.
    if (segment->p_type == PT_LOAD && search->address - begin < segment->p_memsz) contains = 1;
    if (segment->p_type == PT_GNU_EH_FRAME) frame = (void*)begin;
  }
  if (!contains) return 0;
  search->found->dlfo_eh_frame = frame;
  return 1;
}

// libgcc asks for the unwinding data of a function when an exception passes it, and reads no other member.
int _dl_find_object(void* address, struct dl_find_object* found) {
  struct search search = {(uintptr_t)address, found};
  return dl_iterate_phdr(look_at, &search) && found->dlfo_eh_frame ? 0 : -1;
}

// std::random_device calls it.
uint32_t arc4random(void) {
  uint32_t number;
  if (getentropy(&number, sizeof number) != 0) abort();
  return number;
}
