// What happens in the demo: a server that misbehaves when asked to, and a program that keeps its
// connection.
#pragma once

#include <boost/asio.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat_story.hpp"
#include "timeline.hpp"

import holdfast;
import holdfast.insight;
import holdfast.testing;

// What was seen, for the verdict.
struct report {
  std::vector<holdfast::observed_change> heard;    // by a listener
  std::vector<holdfast::observed_change> watched;  // by a coroutine beside it
  std::size_t messages_sent = 0;
  std::size_t messages_echoed = 0;
  std::vector<holdfast::clock::duration> round_trips{};
  std::optional<holdfast::clock::duration> silence_noticed{};  // after the server fell silent
  std::optional<holdfast::send_result> sent_offline{};
  std::optional<holdfast::clock::duration> close_took{};
  std::uint16_t code_at_close = 0;  // of the close frame that the server received
  chat_report chat{};
};

class story {
 public:
  story(boost::asio::io_context& io, const timeline& out);

  void start();
  [[nodiscard]] std::string url() const { return port_.url(); }
  [[nodiscard]] const report& seen() const { return seen_; }
  [[nodiscard]] const holdfast::options& given() const { return given_; }
  [[nodiscard]] const holdfast::timeline& history() const { return history_; }

 private:
  boost::asio::awaitable<void> serve(holdfast::testing::server_session& session);
  std::optional<holdfast::testing::http_answer> ask_at_door();

  boost::asio::awaitable<void> watch_states();
  boost::asio::awaitable<void> watch_numbers();
  boost::asio::awaitable<void> play();
  boost::asio::awaitable<holdfast::observed_change> until(holdfast::connection_state wanted);
  boost::asio::awaitable<void> exchange_messages();
  boost::asio::awaitable<holdfast::clock::duration> let_server(std::string_view misbehave);
  boost::asio::awaitable<void> pause(std::chrono::milliseconds span);

  boost::asio::io_context& io_;
  const timeline& out_;
  report seen_;
  holdfast::testing::server server_;
  holdfast::testing::loopback_port port_;
  bool starting_up_ = false;
  chat_story chat_;
  holdfast::options given_;
  holdfast::timeline history_;
  holdfast::connection conn_;
  holdfast::state_watch events_ = conn_.watch();  // what play() has not looked at yet
};
