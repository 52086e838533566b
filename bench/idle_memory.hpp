// What a connection costs that is open and does nothing, with many of them in one process: heap, resident
// memory, and the processor's time to open it.
#pragma once

#include <memory>

namespace bench {

// Of this process, as malloc counts it.
double heap_bytes();

class idle_memory {
 public:
  // Forks: to be made before any thread is started.
  idle_memory();
  ~idle_memory();
  idle_memory(const idle_memory&) = delete;
  idle_memory& operator=(const idle_memory&) = delete;

  // "idle_memory/SCHEME/CLIENT", with counters for one connection.
  void register_all() const;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace bench
