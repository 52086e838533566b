// What passes between the client and its links, against the bytes that connection::stats() says. A network
// around that of the world: it reads the upgrade along, and counts what follows it. Cannot see through TLS.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal.hpp"

import holdfast;

namespace sim {

namespace net = boost::asio;

// The bytes behind the heads of HTTP, in one direction of one stream.
class behind_heads {
 public:
  // Returns how many of `bytes` are of frames. `answers`: several heads may come, the last one of status 101.
  std::uint64_t take(std::string_view bytes, bool answers) {
    if (open_) return bytes.size();
    head_ += bytes;
    for (;;) {
      const auto end = head_.find("\r\n\r\n");
      if (end == std::string::npos) return 0;
      open_ = !answers || head_.find(" 101 ") < head_.find("\r\n");
      const bool is_interim = answers && !open_ && head_.find(" 1") < head_.find("\r\n");
      head_.erase(0, end + 4);
      if (open_) return std::exchange(head_, {}).size();
      if (!is_interim) return 0;  // a refusal
    }
  }
  [[nodiscard]] bool open() const noexcept { return open_; }

 private:
  std::string head_;
  bool open_ = false;
};

class wiretap final : public holdfast::network {
 public:
  explicit wiretap(std::shared_ptr<holdfast::network> around)
      : around_(std::move(around)), counts_(std::make_shared<counts>()) {}

  net::awaitable<holdfast::result<std::vector<holdfast::peer_address>>> resolve(std::string host,
                                                                                std::uint16_t port) override {
    return around_->resolve(std::move(host), port);
  }
  net::awaitable<holdfast::result<holdfast::transport>> connect(holdfast::peer_address peer) override {
    auto made = co_await around_->connect(peer);
    if (made.has_error()) co_return made.error();
    co_return holdfast::transport(std::make_unique<tapped_stream>(std::move(*made), counts_));
  }

  void check(const holdfast::connection_stats& said, journal& log) const {
    if (said.bytes_sent != counts_->sent)
      log.violated("stats: ", said.bytes_sent, " bytes were sent, but ", counts_->sent, " left");
    if (said.bytes_received > counts_->received)
      log.violated("stats: ", said.bytes_received, " bytes were received, but ", counts_->received, " came");
    // An attempt that was given up may have got a whole answer, and more; and who leaves its session last may
    // take bytes that are dropped.
    if (counts_->opened == said.sessions && said.bytes_received != counts_->received)
      log.violated("stats: ", said.bytes_received, " bytes were received, not all of ", counts_->received);
  }

 private:
  struct counts {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t opened = 0;
  };

  class tapped_stream final : public holdfast::byte_stream {
   public:
    tapped_stream(holdfast::transport below, std::shared_ptr<counts> into)
        : below_(std::move(below)), counts_(std::move(into)) {}

    std::size_t read_some(std::span<char> into, holdfast::error_code& ec) override {
      const auto count = below_.read_some(into, ec);
      const bool was_open = answer_.open();
      counts_->received += answer_.take({into.data(), count}, true);
      if (!was_open && answer_.open()) ++counts_->opened;
      return count;
    }
    std::size_t write_some(std::span<const char> from, holdfast::error_code& ec) override {
      const auto count = below_.write_some(from, ec);
      counts_->sent += request_.take({from.data(), count}, false);
      return count;
    }
    void async_wait(holdfast::readiness kind, ready_handler handler) override {
      below_.async_wait(kind, std::move(handler));
    }
    [[nodiscard]] bool writes_from_any_thread() const noexcept override {
      return below_.writes_from_any_thread();
    }
    [[nodiscard]] bool unsent() const noexcept override { return below_.unsent(); }
    [[nodiscard]] bool has_heard() const noexcept override { return below_.has_heard(); }
    [[nodiscard]] std::optional<std::size_t> unconfirmed_bytes() const noexcept override {
      return below_.unconfirmed_bytes();
    }
    [[nodiscard]] std::string error_detail() const override { return below_.error_detail(); }
    [[nodiscard]] facts known() const override { return below_.known(); }
    void release_memory() noexcept override { below_.release_memory(); }
    void close() noexcept override { below_.close(); }

   private:
    holdfast::transport below_;
    std::shared_ptr<counts> counts_;  // shared with the wiretap
    behind_heads request_;
    behind_heads answer_;
  };

  const std::shared_ptr<holdfast::network> around_;
  const std::shared_ptr<counts> counts_;
};

}  // namespace sim
