// How `watch` writes a line: the time, and nothing that a peer could steer the terminal with.
#pragma once

#include <ctime>
#include <iomanip>
#include <iostream>
#include <string>

inline void print(const std::string& line) {
  const auto now = std::time(nullptr);
  std::cout << std::put_time(std::localtime(&now), "%T  ") << line << std::endl;
}

// What a peer wrote must not steer our terminal: no control characters, nor those of U+0080 to U+009F.
inline std::string printable(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte >= 0x80 && byte < 0xA0 && i != 0 && text[i - 1] == '\xC2';
    if (byte < 0x20 || byte == 0x7F || c1) text[i] = ' ';
  }
  return text;
}
