// Loads a shared library that uses holdfast, as a host loads a plug-in, and calls what it exports.
#include <dlfcn.h>

#include <iostream>

// covers R77
int main(int argc, char* argv[]) {
  if (argc != 2) return 2;
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::cerr << dlerror() << '\n';
    return 1;
  }
  int failures = 0;
  for (const char* name : {"talk_to_beast", "dial_nobody"}) {
    const auto function = reinterpret_cast<int (*)()>(dlsym(library, name));
    const bool ok = function != nullptr && function() == 0;
    std::cout << name << (ok ? ": ok\n" : ": FAILED\n");
    if (!ok) ++failures;
  }
  return failures == 0 ? 0 : 1;
}
