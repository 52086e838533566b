// Under a sanitizer what is long takes minutes, so tests do less of the same there.
#pragma once

#ifdef __has_feature
#define HOLDFAST_HAS_FEATURE(name) __has_feature(name)
#else
#define HOLDFAST_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    HOLDFAST_HAS_FEATURE(address_sanitizer) || HOLDFAST_HAS_FEATURE(thread_sanitizer)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif
