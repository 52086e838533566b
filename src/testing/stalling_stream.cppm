// :stalling_stream — a stream that carries so many bytes and then takes no more, for ever: a server that
// hangs in the middle of what it says.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

module holdfast.testing:stalling_stream;

import holdfast;
import holdfast.wire;
import :world;

namespace holdfast::testing {

class stalling_stream final : public byte_stream {
 public:
  stalling_stream(transport below, std::size_t bytes) : below_(std::move(below)), left_(bytes) {}

  std::size_t read_some(std::span<char> into, error_code& ec) override { return below_.read_some(into, ec); }
  std::size_t write_some(std::span<const char> from, error_code& ec) override {
    ec = {};
    if (left_ == 0 && !from.empty()) ec = has_peer() ? net::error::would_block : net::error::broken_pipe;
    if (ec) return 0;
    const auto count = below_.write_some(from.first(std::min(from.size(), left_)), ec);
    left_ -= count;
    return count;
  }
  // Whoever waits for room waits for the peer instead, which hangs up some day.
  void async_wait(readiness kind, ready_handler handler) override {
    below_.async_wait(left_ == 0 ? readiness::readable : kind, std::move(handler));
  }
  [[nodiscard]] std::optional<std::size_t> unconfirmed_bytes() const noexcept override {
    return below_.unconfirmed_bytes();
  }
  [[nodiscard]] std::string error_detail() const override { return below_.error_detail(); }
  void close() noexcept override { below_.close(); }

 private:
  // Drops what the peer still says.
  bool has_peer() {
    std::array<char, 1024> ignored{};
    error_code ec;
    while (!ec) below_.read_some(ignored, ec);
    return would_block(ec);
  }

  transport below_;
  std::size_t left_;
};

inline transport stalling(transport below, std::size_t bytes) {
  return transport(std::make_unique<stalling_stream>(std::move(below), bytes));
}

}  // namespace holdfast::testing
