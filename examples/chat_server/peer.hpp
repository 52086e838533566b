// One WebSocket. One learns how one coroutine reads while another writes, with a queue between the program
// and the writer that cannot grow without end.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "server_frames.hpp"

class peer {
 public:
  using clock = std::chrono::steady_clock;

  explicit peer(boost::asio::ip::tcp::socket socket);

  // The HTTP upgrade. False: this is not going to be a WebSocket.
  boost::asio::awaitable<bool> open();
  // The next text frame; nothing if no more will come. Throws bad_frame if it is not text.
  boost::asio::awaitable<std::optional<std::string>> receive();
  // Writes what send() queues, and in the end the close frame.
  boost::asio::awaitable<void> write_all();

  // A frame for somebody who does not read is not kept for ever: the socket is closed with code 1013.
  void send(server_frame frame);
  // All that is queued still goes out first. Frames that come later are to be passed over.
  void close(std::uint16_t code, std::string_view reason);
  // An error that ends it, and the close.
  void fail(std::string_view code, std::string_view text);
  // Without a close frame.
  void drop();

  // It has said hello. Who has not said it in time is sent away, and so is who is asked to leave and stays.
  void set_welcome(std::optional<std::chrono::milliseconds> leave_after);
  // Not to come back before; zero: it may come back before it leaves.
  void ask_to_leave(std::string_view reason, std::chrono::milliseconds reconnect_in);
  void check_deadlines(clock::time_point now);

  [[nodiscard]] bool is_closing() const { return closing_.has_value(); }

 private:
  boost::beast::websocket::stream<boost::beast::tcp_stream> ws_;
  boost::asio::steady_timer wake_writer_;
  std::deque<server_frame> queue_;
  std::size_t queued_bytes_ = 0;
  std::optional<boost::beast::websocket::close_reason> closing_;
  bool is_open_ = false;
  bool has_ended_ = false;
  bool is_welcome_ = false;
  bool is_asked_to_leave_ = false;
  clock::time_point deadline_;  // of what comes next: the hello, the leaving or the closing handshake
};
