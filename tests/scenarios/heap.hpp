// How much the process has allocated: small blocks, and large ones of their own.
#pragma once

#include <malloc.h>

#include <cstddef>

// Zero under a sanitizer, which has an allocator of its own: there, nothing can be said.
inline std::size_t heap_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}
