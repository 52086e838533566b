// :lazy_message — what send() was given, on its way through Asio to the start of the operation. Knows nothing
// of sessions, nor of what becomes of the message.
module;
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

export module holdfast.core:lazy_message;

import :message;

namespace holdfast {

// Refers to the caller's bytes; whatever is constructed from it owns a copy of them. Asio hands the arguments
// of an operation on by reference if the token starts the operation at once (a callback, use_future), and
// then nothing is copied. A token that starts it later (deferred, use_awaitable) keeps its arguments as
// values, and so keeps the bytes, whatever stands around it (as_tuple, bind_executor, cancel_after). In this
// way a program may keep `conn.send(text)` and start it when `text` is gone.
class lazy_message {
 public:
  lazy_message(std::string_view payload, const send_options& how) noexcept : payload_(payload), how_(how) {}
  // What is constructed from this by a move takes `payload` over, if it is large. Nothing else changes it.
  lazy_message(std::string&& payload, const send_options& how) noexcept
      : payload_(payload), how_(how), given_(&payload) {}
  lazy_message(lazy_message&& other) noexcept(false);  // it may have to allocate
  lazy_message(const lazy_message& other);
  lazy_message& operator=(const lazy_message&) = delete;
  ~lazy_message() = default;

  [[nodiscard]] std::string_view payload() const noexcept { return payload_; }
  [[nodiscard]] const send_options& options() const noexcept { return how_; }

 private:
  void copy(std::string_view payload);
  void take(std::string& payload);
  void refer_to(const char* bytes, std::size_t payload_bytes) noexcept;

  std::string_view payload_;
  send_options how_;
  std::string* given_ = nullptr;  // the caller's, until it is copied or taken over
  // One of these holds payload, feature and key, one behind the other: a short message costs no allocation.
  std::string large_{};
  std::array<char, 104> small_;  // only the bytes in use are ever written or copied
};

}  // namespace holdfast
