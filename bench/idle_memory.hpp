// How much heap a connection takes that is open and does nothing, with many of them in one process.
#pragma once

#include "idle_server.hpp"

namespace bench {

inline constexpr double idle_bar_kib = 8.0;  // holdfast is meant to stay below

// Of this process, as malloc counts it.
double heap_bytes();

// "idle_memory/client", with the counters "connections" and "heap_bytes" (of one connection).
void register_idle_memory(const idle_server& against);

}  // namespace bench
