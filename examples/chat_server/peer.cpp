// How a WebSocket opens, is read and written, and ends. Read open(), write_all() and close() first.
#include "peer.hpp"

#include <boost/beast/http.hpp>
#include <utility>

#include "client_frames.hpp"

namespace net = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t largest_message_bytes = 1U << 20U;
constexpr std::size_t largest_queue_bytes = 16U << 20U;
constexpr std::size_t frame_overhead_bytes = 64;
constexpr auto time_for_hello = 10s;
constexpr auto time_to_leave = 5s;
constexpr auto time_to_close = 5s;
constexpr auto subprotocol = "holdfast.v1";

}  // namespace

peer::peer(net::ip::tcp::socket socket)
    : ws_(std::move(socket)), wake_writer_(ws_.get_executor()), deadline_(clock::now() + time_for_hello) {
  ws_.read_message_max(largest_message_bytes);
  ws_.auto_fragment(false);
  ws_.text(true);
  // A peer that has vanished is noticed by pings after half of idle_timeout.
  ws_.set_option(websocket::stream_base::timeout{
      .handshake_timeout = time_for_hello, .idle_timeout = 60s, .keep_alive_pings = true});
}

net::awaitable<bool> peer::open() {
  beast::get_lowest_layer(ws_).expires_after(time_for_hello);
  beast::flat_buffer buffer;
  beast::http::request_parser<beast::http::empty_body> parser;
  const auto [bad_request, size] =
      co_await beast::http::async_read(ws_.next_layer(), buffer, parser, net::as_tuple(net::deferred));
  if (bad_request) co_return false;
  const auto& request = parser.get();
  // Chosen only if the client offers it: RFC 6455, section 4.2.2.
  if (beast::http::token_list(request["Sec-WebSocket-Protocol"]).exists(subprotocol)) {
    ws_.set_option(websocket::stream_base::decorator([](websocket::response_type& answer) {
      answer.set(beast::http::field::sec_websocket_protocol, subprotocol);
    }));
  }
  beast::get_lowest_layer(ws_).expires_never();  // the WebSocket has its own timeouts
  beast::error_code ignored;
  beast::get_lowest_layer(ws_).socket().set_option(net::ip::tcp::no_delay(true), ignored);
  const auto [refused] = co_await ws_.async_accept(request, net::as_tuple(net::deferred));
  is_open_ = !refused;
  co_return is_open_ && !has_ended_;
}

net::awaitable<std::optional<std::string>> peer::receive() {
  std::string text;
  auto buffer = net::dynamic_buffer(text);
  const auto [ec, size] = co_await ws_.async_read(buffer, net::as_tuple(net::deferred));
  if (ec) co_return std::nullopt;
  if (!ws_.got_text()) throw bad_frame("frames must be text");
  co_return text;
}

net::awaitable<void> peer::write_all() {
  while (!has_ended_) {
    if (!queue_.empty()) {
      const auto next = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= next.size_bytes() + frame_overhead_bytes;
      const auto [ec, size] = co_await ws_.async_write(next.buffers(), net::as_tuple(net::deferred));
      if (ec) break;
    } else if (closing_) {
      co_await ws_.async_close(*closing_, net::as_tuple(net::deferred));
      break;
    } else {
      wake_writer_.expires_at(clock::time_point::max());
      co_await wake_writer_.async_wait(net::as_tuple(net::deferred));
    }
  }
  drop();
}

void peer::send(server_frame frame) {
  if (closing_ || has_ended_) return;
  queued_bytes_ += frame.size_bytes() + frame_overhead_bytes;
  queue_.push_back(std::move(frame));
  if (queued_bytes_ <= largest_queue_bytes) {
    wake_writer_.cancel();
    return;
  }
  queue_.clear();
  queued_bytes_ = 0;
  close(1013, "too slow");
}

void peer::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_.emplace(static_cast<websocket::close_code>(code), reason);
  deadline_ = clock::now() + time_to_close;
  wake_writer_.cancel();
  if (!is_open_) drop();
}

void peer::fail(std::string_view code, std::string_view text) {
  send(error_frame(code, text, true));
  close(code == "internal" ? 1011 : 1008, code);
}

void peer::drop() {
  has_ended_ = true;
  wake_writer_.cancel();
  beast::get_lowest_layer(ws_).close();
}

void peer::set_welcome(std::optional<std::chrono::milliseconds> leave_after) {
  is_welcome_ = true;
  deadline_ = leave_after ? clock::now() + *leave_after : clock::time_point::max();
}

void peer::ask_to_leave(std::string_view reason, std::chrono::milliseconds reconnect_in) {
  send(go_away_frame(reason, reconnect_in));
  is_asked_to_leave_ = true;
  deadline_ = clock::now() + time_to_leave;
}

void peer::check_deadlines(clock::time_point now) {
  if (now < deadline_ || has_ended_) return;
  if (closing_) return drop();
  if (!is_welcome_) return fail("bad_request", "no hello in time");
  if (is_asked_to_leave_) return close(1012, "was asked to leave");
  ask_to_leave("please come again", 0ms);  // on another socket, before it leaves this one
}
