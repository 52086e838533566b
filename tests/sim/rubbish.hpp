// Bytes that servers send and should not, and some that they may.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sim {

// A frame without a mask, as a server sends it.
inline std::string fragment(unsigned opcode, bool final, std::string_view payload) {
  std::string out{static_cast<char>((final ? 0x80U : 0U) | opcode)};
  if (payload.size() < 126) {
    out += static_cast<char>(payload.size());
  } else {
    out += static_cast<char>(126);
    out += static_cast<char>(payload.size() >> 8U & 0xFFU);
    out += static_cast<char>(payload.size() & 0xFFU);
  }
  return out.append(payload);
}

inline std::string bad_frame(unsigned kind) {
  using namespace std::string_literals;
  switch (kind % 9) {
    case 0:
      return "\xC1\x02hi"s;  // a reserved bit
    case 1:
      return "\x81\x82mask\x05\x08"s;  // masked
    case 2:
      return fragment(1, true, "\xC3\x28");  // text that is not UTF-8
    case 3:
      return fragment(3, true, "?");  // an opcode that nobody knows
    case 4:
      return "\x82\x7F\x00\x00\x00\x10\x00\x00\x00\x00"s;  // a message of 64 GiB
    case 5:
      return fragment(8, true, "\x03\xED"s);  // a close code that must not be sent
    case 6:
      return fragment(0, true, "the end of nothing");
    case 7:
      return fragment(9, true, std::string(126, 'p'));  // a ping that is too long
    default:
      return fragment(1, false, "begun") + fragment(1, true, "begun again");
  }
}

inline std::string bad_answer(unsigned kind) {
  switch (kind % 9) {
    case 0:
      return "";
    case 1:
      return "\x16\x03\x01 this is not HTTP\r\n\r\n";
    case 2:
      return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    case 3:
      return "HTTP/1.1 101 Switching Protocols\r\nX-Long: " + std::string(40'000, 'x');
    case 4:
      return "HTTP/1.1 101 Switching Proto";
    case 5:
      return "HTTP/1.0 99 Low\r\n\r\n";
    case 6:
      return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    case 7:
      return std::string(300, '\n');
    default:
      return "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nso much text";
  }
}

// Retry-After in one half of the cases as a date, by the clock that the answer itself names.
inline std::string refusal(unsigned status, std::size_t retry_after_seconds) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " Refused\r\n";
  if (retry_after_seconds == 30) {
    out += "Date: Sun, 06 Nov 1994 08:49:07 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  } else if (retry_after_seconds != 0) {
    out += "Retry-After: " + std::to_string(retry_after_seconds) + "\r\n";
  }
  return out + "Content-Length: 3\r\nConnection: close\r\n\r\nno!";
}

inline std::string redirect(unsigned status, const std::string& to) {
  return "HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nLocation: " + to +
         "\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace sim
