// Encoding by the protocol. Its encode() runs under the outbox's lock, so a call to the connection from there
// would deadlock: such a call is refused, or posted for later.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :outbox;

namespace holdfast {
namespace {

// Exists while encode() runs for an outbox on this thread. encode() may send on another connection, so
// several can be nested.
class encoding {
 public:
  explicit encoding(const outbox& by) noexcept : by_(&by), outer_(std::exchange(innermost_, this)) {}
  encoding(const encoding&) = delete;
  encoding& operator=(const encoding&) = delete;
  ~encoding() { innermost_ = outer_; }

  static bool runs_for(const outbox& one) noexcept {
    const auto* each = innermost_;
    while (each != nullptr && each->by_ != &one) each = each->outer_;
    return each != nullptr;
  }

 private:
  static inline thread_local const encoding* innermost_ = nullptr;

  const outbox* by_;
  const encoding* outer_;
};

}  // namespace

bool outbox::is_encoding() const noexcept { return protocol_ && encoding::runs_for(*this); }

bool outbox::refuses_call() noexcept {
  if (!is_encoding()) return false;
  faults_.called_us = true;  // this thread holds the lock
  return true;
}

// The text of an exception may contain a part of the message, so it is not passed on.
result<outbox::encoded_message> outbox::encode(const outgoing_message& message) {
  const encoding runs(*this);
  try {
    auto encoded = protocol_->encode(message);
    if (encoded.has_error()) return encoded.error();
    return encoded_message{protocol_->encoded_kind(message.kind), std::move(*encoded),
                           protocol_->attachments(message)};
  } catch (...) {
    faults_.threw = true;
    return make_error_code(error::message_invalid);
  }
}

// A message keeps the number under which it first left, so that the peer recognizes it when it is sent again.
error_code outbox::encode_kept(kept_message& one, std::string_view payload) {
  const auto number = one.number != 0 ? one.number : last_number_ + 1;
  if (protocol_) {
    const auto encoded = encode({.id = number, .kind = one.kind, .payload = payload, .feature = one.feature});
    if (encoded.has_error()) return encoded.error();
    buffer_.add_message(encoded->kind, encoded->payload, encoded->attachments);
  } else {
    buffer_.add_message(one.kind, payload);
  }
  one.number = number;
  last_number_ = std::max(last_number_, number);
  return {};
}

}  // namespace holdfast
