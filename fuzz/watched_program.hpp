// A program that uses a connection as the input tells it, and judges what it is told: each operation
// completes exactly once, states follow each other as docs/states.md draws them.
#pragma once

#include <algorithm>
#include <boost/asio.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "require.hpp"

import holdfast;
import holdfast.testing;

namespace fuzzed {

namespace net = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t most_message_bytes = 256;  // few, so that an input can hold more

class watched_program {
 public:
  // `secret` may be shown to nobody.
  watched_program(holdfast::testing::world& in, holdfast::options given, std::string secret, bool reads_all)
      : in_(in), secret_(std::move(secret)), reads_all_(reads_all) {
    given.log = [this](holdfast::log_level, std::string_view line) { check_line(line); };
    conn_.emplace(in.executor(), std::move(given));
    conn_->add_connection_listener(
        "fuzz", {.on_state_change = [this](const holdfast::observed_change& change) { saw(change); }});
    conn_->run([this](holdfast::error_code) {
      require(!run_ended_, "run() returns once");
      run_ended_ = true;
    });
    if (reads_all_) receive();
  }

  // Any number is one of these.
  void act(unsigned what);
  // Comes to an end by close(), or by destroying the handle.
  void end(bool by_close);

 private:
  // Operations are never forgotten: their number is bounded by that of the acts.
  struct operation {
    net::cancellation_signal cancel;
    bool over = false;
  };

  template <class Then>
  auto token(Then then) {
    auto& begun = operations_.emplace_back();
    return net::bind_cancellation_slot(
        begun.cancel.slot(), [this, &begun, then = std::move(then)](auto&&... results) {
          require(!std::exchange(begun.over, true), "an operation completes once");
          require(!long_gone_, "nothing completes long after the handle was destroyed");
          then(std::forward<decltype(results)>(results)...);
        });
  }
  auto token() {
    return token([](const auto&...) {});
  }

  void receive() {
    conn_->receive(token([this](holdfast::error_code ec, const holdfast::message& got) {
      if (ec) return;
      require(got.payload.size() <= most_message_bytes, "a message is no larger than its limit");
      const bool text = got.kind == holdfast::message_kind::text;
      require(!text || holdfast::is_valid_utf8(got.payload), "text is UTF-8");
      if (reads_all_ && conn_ && received_++ < 256) receive();
    }));
  }
  void send(holdfast::send_options how) {
    conn_->send(R"({"text":"to a server that is not kind"})", how, token([](holdfast::send_result result) {
                  require(result.ok() == !result.reason, "a message that is not sent has a reason");
                }));
  }
  void cancel_oldest() {
    const auto found = std::ranges::find(operations_, false, &operation::over);
    if (found != operations_.end()) found->cancel.emit(net::cancellation_type::terminal);
  }
  void saw(const holdfast::observed_change& change);
  void check_line(std::string_view line) const {
    require(is_one_line(line), "the log and describe() are lines");
    require(line.find(secret_) == std::string_view::npos, "nobody is told the token");
  }

  holdfast::testing::world& in_;
  const std::string secret_;
  const bool reads_all_;
  std::deque<operation> operations_;  // handlers refer to them
  std::size_t received_ = 0;
  holdfast::observed_change last_{};
  bool run_ended_ = false;
  bool long_gone_ = false;
  std::optional<holdfast::connection> conn_;
};

inline void watched_program::act(unsigned what) {
  using enum holdfast::connection_state;
  switch (what % 17) {
    case 0:
      return receive();
    case 1:
      return conn_->receive_batch(token());
    case 2:
      return send({});
    case 3:
      return send({.when_offline = holdfast::offline_rule::wait, .feature = "typing"});
    case 4:
      return send({.when_offline = holdfast::offline_rule::queue,
                   .when_throttled = holdfast::throttled_rule::wait,
                   .feature = "typing",
                   .key = "latest"});
    case 5:
      return conn_->ping(token());
    case 6:
      return cancel_oldest();
    case 7:
      return static_cast<void>(conn_->disconnect(token()));
    case 8:
      return static_cast<void>(conn_->connect(token()));
    case 9:
      return conn_->enter_background();
    case 10:
      return conn_->enter_foreground();
    case 11:
      return conn_->network_changed();
    case 12:
      return in_.network()->reset_links();
    case 13:
      return in_.network()->silence_links();
    case 14:
      return conn_->wait_for(connected, token());
    case 15:
      return static_cast<void>(conn_->close(token()));
    default:
      return conn_->migrate(token());
  }
}

inline void watched_program::saw(const holdfast::observed_change& change) {
  using enum holdfast::connection_state;
  require(conn_.has_value(), "no listener is called once the handle is gone");
  require(change.missed == 0 && change.sequence == last_.sequence + 1, "the numbers of states have no gaps");
  require(change.from == last_.to && change.time >= last_.time, "each state follows the one before");
  const bool open = change.from == connected || change.from == feature_throttled;
  const bool legal =
      change.to == disconnected || (change.to == connecting && change.from == disconnected) ||
      (change.to == connected && (change.from == connecting || change.from == feature_throttled)) ||
      (change.to == feature_throttled && open) ||
      (change.to == connected && open && change.session > last_.session);  // moved to another socket
  require(legal, "a legal transition");
  require((change.to == disconnected) == bool(change.reason.error),
          "disconnected has a reason, and no other");
  require(change.to == disconnected || (!change.final && !change.retry_in), "only disconnected promises");
  require(!(change.final && change.retry_in), "final, or another attempt");
  require(!change.retry_in || *change.retry_in >= 0s, "another attempt is not in the past");
  require(change.session >= last_.session, "sessions are counted");
  check_line(describe(change));
  check_line(describe(change.reason));
  last_ = change;
}

inline void watched_program::end(bool by_close) {
  using enum holdfast::connection_state;
  if (by_close) {
    conn_->close(token());
    require(in_.run_until([this] { return run_ended_; }, 4s), "close() ends run() within its deadline");
    in_.settle();
    require(conn_->status() == disconnected && last_.to == disconnected, "closed is disconnected");
    require(last_.final || last_.sequence == 0, "closed is final");
    require(std::ranges::all_of(operations_, &operation::over), "close() completes what was started");
  }
  conn_.reset();
  in_.settle();
  require(run_ended_, "a handle that is destroyed ends run()");
  require(std::ranges::all_of(operations_, &operation::over), "each operation completes");
  require(in_.network()->open_links() == 0, "no link stays open");
  long_gone_ = true;
  in_.run_for(60s);
}

}  // namespace fuzzed
