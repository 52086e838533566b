// How a session ends: closed by us, closed by the peer, or because the link has failed. Earlier messages are
// not lost by it: ours leave before our close frame (R61), and the peer's are delivered before its close
// frame takes effect (R64).
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :completion;
import :session;

namespace holdfast {
namespace {

// RFC 6455 section 7.1.1: the server ends the TCP connection first. We wait for that no longer than this.
constexpr milliseconds longest_linger{500};

}  // namespace

void session::hand_over() {
  if (over_ || ending_ || hand_over_by_) return;
  hand_over_by_ = clock::now() + options_->close_timeout;
  outbox_->hold();
  work_.notify();
}

// The server must read all messages of this socket before those of the next. It has done so when it answers
// our close frame.
void session::close_when_written() {
  if (over_ || ending_) return;
  if (outbox_->has_output() && clock::now() < *hand_over_by_) return;
  begin_to_close(close_codes::normal, {}, {.error = error::moved, .at = stage::session});
}

void session::stop(std::uint16_t close_code, std::string_view text, error_code why) {
  if (hand_over_by_ && !ending_) {  // what waits for the next session leaves here: there will be none
    hand_over_by_.reset();
    outbox_->end_hold();
  }
  begin_to_close(close_code, text, {.error = why, .at = stage::session});
  if (over_ || !hand_over_by_) return;
  hand_over_by_.reset();
  ending_->reason.error = why;  // no other session follows
  ending_->close_by = std::min(ending_->close_by, clock::now() + options_->close_timeout);
  inbox_->cancel_wait();
  work_.notify();
}

void session::begin_to_close(std::uint16_t close_code, std::string_view text, change_reason why) {
  if (over_ || ending_) return;
  ending_ = std::make_unique<ending>(std::move(why), clock::now() + options_->close_timeout);
  if (hand_over_by_) {
    outbox_->finish(close_code, text, ending_->reason.error);
  } else {
    outbox_->finish_behind_messages(close_code, text);
  }
  if (!hand_over_by_) inbox_->cancel_wait();
  work_.notify();
}

// Acts on the peer's close frame or protocol violation. If we are closing already, our own reason stays,
// however the peer ends the session (R8).
void session::act_on_end() {
  const auto how = std::move(*std::exchange(peer_end_, nullptr));
  if (ending_ && hand_over_by_) return end(ending_->reason);
  if (ending_) return linger(ending_->reason);
  change_reason why{.error = how.error, .at = stage::session, .detail = how.text};
  if (how.event == frame_event::close) {
    why.error = error::closed_by_peer;
    why.close_code = how.close_code;
  }
  if (broken_) return end(std::move(why));
  error_code ignored;
  outbox_->flush(ignored);  // what the program has sent during its turn
  // Our answer repeats the peer's code (RFC 6455 section 5.5.1), or names the violation.
  const auto text = how.event == frame_event::close ? std::string() : why.error.message();
  // If a session follows at once, new messages leave in it. If not, those that may not wait fail with `why`.
  outbox_->hold();
  outbox_->finish(how.close_code, text, why.error);
  linger(std::move(why));
}

// Nothing follows our close frame. Waits for the server to end the TCP connection (RFC 6455 section 7.1.1),
// so that a reset does not destroy our last bytes.
void session::linger(change_reason why) {
  if (!ending_) ending_ = std::make_unique<ending>(std::move(why), clock::time_point::max());
  ending_->lingers = true;
  const auto patience = std::min(longest_linger, options_->close_timeout);
  ending_->close_by = std::min<clock::time_point>(ending_->close_by, clock::now() + patience);
  inbox_->cancel_wait();
  work_.notify();
}

// If the server closes and hangs up while we write, its close frame may still be unread (R66).
void session::write_failed(error_code why) {
  if (over_ || broken_) return;
  if (ending_) return end(ending_->reason);
  broken_ = std::make_unique<broken_link>(why, clock::now() + longest_linger);
  work_.notify();
}

// The first failure is the reason, unless a TLS error explains more.
void session::lost(error_code why) {
  if (ending_) return end(ending_->reason);
  const bool peer_said = why == error::client_certificate_refused || why == error::tls_failed ||
                         why == error::renegotiation_refused;
  end({.error = broken_ && !peer_said ? broken_->why : why,
       .at = stage::session,
       .detail = stream_.error_detail()});
}

void session::end(change_reason why) {
  if (over_) return;
  over_ = true;
  ending_ = std::make_unique<ending>(std::move(why));
  const auto& reason = ending_->reason;
  if (conversation_ && !conversation_->is_ready() && reason.at == stage::session) {
    ending_->reason.at = stage::login;
  }
  error_code ignored;
  outbox_->flush(ignored);  // one attempt for a waiting close frame (R26), without a wait (R24)
  outbox_->close(reason.error);
  stream_.close();
  inbox_->cancel_wait();
  work_.notify();
  for (auto& each : std::exchange(pings_, {})) each.op.complete(reason.error, {});
  if (dropped_ == 0) return;
  log_->write(log_level::warning, std::to_string(dropped_) +
                                      " messages were dropped at the end of the session, because "
                                      "limits.inbound_messages or limits.inbound_bytes was reached");
}

}  // namespace holdfast
