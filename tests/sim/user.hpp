// The program that holds the connection: does what the plan says, at the moments it says, and reads.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "continuity.hpp"
#include "courier.hpp"
#include "deliveries.hpp"
#include "journal.hpp"
#include "ledger.hpp"
#include "numbers.hpp"
#include "observers.hpp"
#include "plan.hpp"
#include "surroundings.hpp"
#include "throttling.hpp"
#include "transitions.hpp"
#include "v1_server.hpp"

import holdfast;
import holdfast.testing;

namespace sim {

class user {
 public:
  user(surroundings around, holdfast::options given);

  void run();
  void forget_traps() {
    traps_.clear();
    login_traps_.clear();
  }
  void start_reading(reading how);
  // At once, or at the moment that the event names.
  void obey(const event& order);
  void perform(const event& order);
  void perform_inside_a_turn(const event& order);

  [[nodiscard]] bool holds() const noexcept { return conn_.has_value(); }
  [[nodiscard]] bool has_run() const { return operations_.completed_already(run_id_); }
  [[nodiscard]] holdfast::connection_state status() const { return conn_->status(); }
  // When everything that could happen now has happened.
  void check();
  void destroy();
  // Lets a coroutine hold the connection, so that it ends with the world.
  void leave();

  ledger& operations() noexcept { return operations_; }
  observers& lookers() noexcept { return observers_; }

 private:
  void tell(const event& order);
  void transfer(const event& order);
  void look(const event& order);
  void connect(bool waits);
  void stop(act how);
  void send(const event& order);
  void send_v1(const event& order);
  void pass_on(std::size_t id);
  [[nodiscard]] std::uint64_t open_session() const;
  void reply_to(std::string_view payload);
  [[nodiscard]] net::awaitable<void> reply_later(clock::duration pause);
  void saw(const holdfast::observed_change& change);
  void took(holdfast::error_code ec, const holdfast::message& one);
  void took(holdfast::error_code ec, const holdfast::message_batch& all);
  void receive(bool again);
  void receive_batch(bool again);
  void read_again(bool batch);
  [[nodiscard]] static bool goes_on(holdfast::error_code ec);
  void check_session_of(std::uint64_t session);
  void handle_messages();
  [[nodiscard]] net::awaitable<void> read_slowly();
  void spring_traps();
  void spring_login_traps();
  [[nodiscard]] net::awaitable<void> want_it_again(event order);

  surroundings around_;
  ledger operations_;
  observers observers_;
  std::optional<holdfast::connection> conn_;
  std::size_t run_id_ = 0;
  numbers numbers_;
  std::vector<event> traps_;        // what to do at the next transition, in a listener
  std::vector<event> login_traps_;  // the same when the server hears of a login
  bool handler_leaves_ = false;
  bool between_turns_ = true;
  bool closed_ = false;
  holdfast::clock::time_point last_cancel_{};
};

}  // namespace sim
