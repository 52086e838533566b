// What `chat_server` is told on its command line.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

struct settings {
  std::uint16_t port = 0;  // 0: any that is free
  std::size_t buffered_events_count = 1000;
  std::chrono::milliseconds keep = std::chrono::seconds(60);
  unsigned typing_per_second = 5;
  std::string token{};  // empty: everybody may come in
  std::optional<std::chrono::milliseconds> go_away_after{};
  std::string help{};  // not empty: print it, and do nothing else
};

// Throws an exception with one line for people.
settings parse_arguments(int argc, char* argv[]);
