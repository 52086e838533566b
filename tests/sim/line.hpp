// One socket at the server: bytes in and out, with a time limit, by one coroutine.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "../codec.hpp"
#include "journal.hpp"

import holdfast;
import holdfast.wire;

namespace sim {

namespace net = boost::asio;

class line : public std::enable_shared_from_this<line> {
 public:
  line(const net::any_io_executor& executor, holdfast::transport stream)
      : stream_(std::move(stream)), wake_(executor), codec(holdfast::peer_role::server, 64 << 20) {}

  // The upgrade request; empty if the client hangs up before.
  net::awaitable<std::optional<holdfast::http_head>> read_request();
  // Bytes as they are, behind all that codec has made so far.
  void say(std::string_view bytes);

  // Writes what there is, reads at most `most` bytes and gives whole frames to `handle`. False: nothing
  // could be done.
  bool exchange(std::size_t most, const std::function<void(const holdfast::frame_result&)>& handle);
  // Waits until something can be done, or `when`.
  net::awaitable<void> wait(clock::time_point when, bool reads);
  // Does nothing until `when`.
  net::awaitable<void> idle(clock::time_point when);
  // Writes what there is for as long as the client takes it, until `when`.
  net::awaitable<void> flush(clock::time_point when);
  void hang_up();
  // Somebody else has said something on it.
  void wake() { wake_.cancel(); }

  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] std::size_t unwritten() const noexcept { return queue_.size() + codec.output_bytes(); }

 private:
  void collect();
  bool write();
  std::size_t read(std::size_t most);

  holdfast::transport stream_;
  holdfast::timer wake_;
  holdfast::byte_queue queue_;
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool over_ = false;

 public:
  ::codec codec;
};

}  // namespace sim
