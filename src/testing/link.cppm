// :link — a simulated connection: two directions, each a queue of pieces with the time at which they arrive.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

module holdfast.testing:link;

import holdfast;
import holdfast.wire;
import :world;
import :simulated_network;

namespace holdfast::testing {

class simulated_link : public std::enable_shared_from_this<simulated_link> {
 public:
  enum side : std::size_t { client = 0, server = 1 };

  // `on_use` is called when the client writes for the first time.
  simulated_link(net::any_io_executor executor, virtual_time& time, random_source& random,
                 link_conditions how, std::function<void()> on_use)
      : executor_(std::move(executor)), time_(time), random_(random), how_(how), on_use_(std::move(on_use)) {}

  std::size_t read(side at, std::span<char> into, error_code& ec);
  std::size_t write(side at, std::span<const char> from, error_code& ec);
  void wait(side at, readiness kind, byte_stream::ready_handler handler);
  // What TCP would not have seen acknowledged of the bytes that `at` has written: an acknowledgement comes
  // when the bytes arrive, whether they are read or not, and takes no time of its own. One way that is
  // silenced loses the bytes, the other one their acknowledgements. Empty: closed.
  [[nodiscard]] std::optional<std::size_t> unconfirmed_bytes(side at) const;
  void close(side at);
  void reset();
  // Drops those who wait, and with them what they hold: the world has ended.
  void forget_waiters();
  void silence(silenced which);
  [[nodiscard]] bool in_use() const noexcept { return !on_use_ && open_at(client); }
  [[nodiscard]] bool open_at(side at) const noexcept { return !ends_[at].closed; }

 private:
  struct piece {
    clock::time_point arrives;
    std::string bytes;
  };
  // What one side sees: the bytes that come to it.
  struct end {
    std::deque<piece> incoming{};
    std::size_t pending_bytes = 0;                 // of the other side's window
    std::size_t given_bytes = 0;                   // that the other side has ever written
    std::size_t lost_bytes = 0;                    // of them: written when it was cut off
    std::optional<std::size_t> confirmed_bytes{};  // of ours: the last that we heard before we were cut off
    clock::time_point free_from{};                 // the way here has carried what was given to it
    clock::time_point last_arrival{};
    bool eof_sent = false;
    clock::time_point eof_arrives{};
    bool cut_off = false;  // nothing arrives here any more
    bool closed = false;
    byte_stream::ready_handler read_waiter{};
    byte_stream::ready_handler write_waiter{};
  };

  [[nodiscard]] std::size_t arrived_bytes(side at) const;
  static side other(side at) noexcept { return at == client ? server : client; }
  [[nodiscard]] bool readable(side at) const;
  [[nodiscard]] bool writable(side at) const;
  // That the other side has closed.
  [[nodiscard]] bool hears_of_end(side at) const;
  [[nodiscard]] clock::time_point arrival(side at, std::size_t count);
  void count_towards_reset(std::size_t count, clock::time_point arrives);
  void look_again_at(clock::time_point when);
  void wake();
  void complete(byte_stream::ready_handler& waiter, error_code ec);
  [[nodiscard]] std::size_t some(std::size_t most);

  const net::any_io_executor executor_;
  virtual_time& time_;
  random_source& random_;
  const link_conditions how_;
  std::function<void()> on_use_;  // empty once it has been called
  std::array<end, 2> ends_;
  std::size_t written_bytes_ = 0;
  bool reset_ = false;
};

class simulated_stream final : public byte_stream {
 public:
  simulated_stream(std::shared_ptr<simulated_link> link, simulated_link::side at)
      : link_(std::move(link)), at_(at) {}
  simulated_stream(const simulated_stream&) = delete;
  simulated_stream& operator=(const simulated_stream&) = delete;
  ~simulated_stream() override { link_->close(at_); }

  std::size_t read_some(std::span<char> into, error_code& ec) override { return link_->read(at_, into, ec); }
  std::size_t write_some(std::span<const char> from, error_code& ec) override {
    return link_->write(at_, from, ec);
  }
  void async_wait(readiness kind, ready_handler handler) override {
    link_->wait(at_, kind, std::move(handler));
  }
  [[nodiscard]] bool writes_from_any_thread() const noexcept override { return true; }  // as TCP
  [[nodiscard]] std::optional<std::size_t> unconfirmed_bytes() const noexcept override {
    return link_->unconfirmed_bytes(at_);
  }
  void close() noexcept override { link_->close(at_); }

 private:
  std::shared_ptr<simulated_link> link_;  // shared by its two ends
  simulated_link::side at_;
};

}  // namespace holdfast::testing
