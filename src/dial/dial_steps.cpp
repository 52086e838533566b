// What the stages of an attempt do with an open stream: pass a proxy, begin TLS, ask for the upgrade, and
// keep what a server that refuses has to say.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

module holdfast;

import :dial;

namespace holdfast {
namespace {

constexpr std::size_t body_bytes = 80;      // of an answer's body, enough to see what it is about
constexpr milliseconds body_patience{500};  // for a body that is announced, but has not come with its header

// What has come of a body, and whether that is all that is worth having.
struct body_beginning {
  std::string text;
  bool enough;
};

// RFC 9112 section 7.1. As in a header, a line may end with a line feed alone.
body_beginning read_chunks(std::string_view bytes) {
  std::string text;
  while (text.size() < body_bytes) {
    const auto line = bytes.find('\n');
    if (line == std::string_view::npos) return {text, false};
    const auto begin = bytes.substr(0, line).find_first_not_of(" \t");
    std::size_t size = 0;
    const auto [end, failed] =
        std::from_chars(bytes.data() + std::min(begin, line), bytes.data() + line, size, 16);
    if (failed != std::errc{} || size == 0) break;  // nonsense, or the last one
    bytes.remove_prefix(line + 1);
    text += bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
    const std::size_t line_end = bytes.starts_with('\r') ? 2 : 1;
    if (bytes.size() < line_end) return {text, false};
    bytes.remove_prefix(line_end);
  }
  return {text, true};
}

body_beginning read_body(const http_head& answer) {
  const auto packing = answer.joined("Content-Encoding");
  if (!packing.empty() && !boost::beast::iequals(packing, "identity")) return {{}, true};  // is not text
  const auto coding = answer.joined("Transfer-Encoding");
  if (boost::beast::iequals(coding, "chunked")) return read_chunks(answer.body);
  if (!coding.empty()) return {{}, true};  // likewise
  const auto length = answer.header("Content-Length");
  if (length.empty()) return {answer.body, true};
  std::size_t announced = 0;
  std::from_chars(length.data(), length.data() + length.size(), announced);
  return {answer.body.substr(0, announced), answer.body.size() >= std::min(announced, body_bytes)};
}

// No more than is worth having, and no part of a character of UTF-8 at its end.
std::string beginning_of(std::string_view text) {
  text = text.substr(0, body_bytes);
  auto last = text.size();
  while (last != 0 && (static_cast<unsigned char>(text[last - 1]) & 0xC0U) == 0x80U) --last;
  if (last == 0) return std::string(text);
  const auto lead = static_cast<unsigned char>(text[last - 1]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  return std::string(text.size() - (last - 1) < length ? text.substr(0, last - 1) : text);
}

// What came of a header before its end: nothing more is known of an answer that is cut off.
std::string cut_off(std::size_t bytes) {
  return bytes == 0 ? "" : "its answer ends within the header, after " + std::to_string(bytes) + " bytes";
}

// With TLS 1.3 a server tells only behind the handshake that it does not like our certificate: whoever reads
// or writes first hears of it.
bool is_about_tls(error_code ec) {
  return ec == error::client_certificate_refused || ec == error::tls_failed ||
         ec == error::renegotiation_refused;
}

}  // namespace

// Throws nothing: what is wrong with a variable of the environment ends the attempt.
std::optional<proxy_server> dial_attempt::choose_way() {
  const auto& to = place_.to;
  try {
    auto problem = environment_problem(options_->proxy, to.secure, to.host, to.port, memory_->variables);
    auto& known = memory_->environment_problems;
    const bool is_new = std::ranges::find(known, problem) == known.end();
    if (!problem.empty() && note_ && is_new) {
      known.push_back(problem);
      note_(log_level::warning, problem);
    }
    return choose_proxy(options_->proxy, to.secure, to.host, to.port, memory_->variables);
  } catch (const option_error& e) {
    record_.reason.at = stage::proxy;
    fail(error::proxy_invalid, e.what());
    return std::nullopt;
  }
}

net::awaitable<bool> dial_attempt::pass(proxy_server proxy) {
  enter(stage::proxy, options_->deadlines.proxy);
  proxy_handshake talk(proxy, place_.to.host, place_.to.port, options_->user_agent);
  std::array<char, 1024> piece{};
  while (talk.progress() == proxy_progress::needs_input) {
    if (auto output = talk.take_output(); !output.empty()) {
      if (const bool written = co_await write(std::move(output)); !written) co_return false;
      continue;
    }
    error_code ec;
    const auto count = co_await read(piece, ec);
    if (over_) co_return false;
    if (ec && ec != net::error::eof) co_return fail(ec);
    if (ec) {
      talk.eof();
    } else {
      talk.feed({piece.data(), count});
    }
  }
  if (talk.progress() == proxy_progress::failed) co_return fail(talk.error(), talk.detail());
  // The server does not speak first, so these bytes are nobody's.
  if (!talk.take_rest().empty()) co_return fail(error::proxy_invalid, "sent more than its answer");
  co_return true;
}

net::awaitable<bool> dial_attempt::start_tls() {
  enter(stage::tls, options_->deadlines.tls);
  current_tls found;
  try {
    found = memory_->tls.current(options_->tls);
  } catch (const option_error& e) {
    co_return fail(error::tls_failed, e.what());
  }
  if (!found.warning.empty() && note_) note_(log_level::warning, found.warning);
  auto secured = std::make_unique<tls_stream>(std::move(*stream_), std::move(found.context),
                                              co_await net::this_coro::executor, place_.to.host,
                                              place_.to.port, server_name());
  auto& tls = *secured;  // stays where it is
  stream_.emplace(std::move(secured));
  auto done = co_await tls.handshake();
  if (over_) co_return false;
  co_return done.ok() || fail(done.error, std::move(done.detail));
}

// Interim answers count against the limit, too.
net::awaitable<std::optional<http_head>> dial_attempt::read_head() {
  const auto limit = options_->limits.upgrade_bytes;
  std::string bytes;
  std::array<char, 2048> piece{};
  while (!over_) {
    const auto room = std::min(piece.size(), limit - bytes.size());
    if (room == 0) {
      fail(error::upgrade_invalid,
           "the header is longer than limits.upgrade_bytes (" + std::to_string(limit) + ')');
      break;
    }
    error_code ec;
    const auto count = co_await read({piece.data(), room}, ec);
    if (over_) break;
    bytes.append(piece.data(), count);
    if (is_about_tls(ec)) record_.reason.at = stage::tls;
    if (ec) {
      auto detail = stream_->error_detail();
      if (detail.empty()) detail = cut_off(bytes.size());
      fail(ec == net::error::eof ? make_error_code(error::connection_lost) : ec, std::move(detail));
      break;
    }
    auto reading = read_answer(bytes);
    if (reading.head) co_return std::move(reading.head);
    if (reading.error) {
      fail(reading.error, std::move(reading.detail));
      break;
    }
  }
  co_return std::nullopt;
}

// The reason is known, and stays; the rest of the text is worth a moment, not a deadline. When that is over,
// the attempt is abandoned: so what is known is written down before.
net::awaitable<void> dial_attempt::refused(http_head answer, error_code why, std::string detail) {
  fail(why, std::move(detail));
  const auto wish = read_retry_after(answer);
  record_.reason.http_status = answer.status;
  record_.retry_after = wish.after;
  record_.retry_after_unreadable = wish.unreadable;
  record_.http_headers = answer.headers;
  answered_ = true;
  if (answer.status == 101) co_return;
  enter(stage::upgrade, body_patience);
  std::array<char, body_bytes> piece{};
  error_code ec;
  while (!over_) {
    const auto begun = read_body(answer);
    if (!begun.text.empty()) record_.reason.close_text = beginning_of(begun.text);
    if (begun.enough || ec || answer.body.size() >= options_->limits.upgrade_bytes) break;
    answer.body.append(piece.data(), co_await read(piece, ec));
  }
}

net::awaitable<bool> dial_attempt::write(std::string bytes) {
  const auto ec = co_await write_all(*stream_, bytes);
  if (over_) co_return false;
  if (is_about_tls(ec)) record_.reason.at = stage::tls;
  co_return !ec || fail(ec, stream_->error_detail());
}

// At least one byte, or an error.
net::awaitable<std::size_t> dial_attempt::read(std::span<char> into, error_code& ec) {
  for (;;) {
    auto [failed, count] = co_await stream_->async_read_some(into, net::as_tuple(net::deferred));
    ec = failed;
    if (would_block(ec) && !over_) count = stream_->read_some(into, ec);
    if (!over_ && stream_->unsent()) {  // what was read wants an answer (TLS): nobody else writes now
      const auto failed_write = co_await write_all(*stream_, {});
      if (failed_write && count == 0 && would_block(ec)) count = stream_->read_some(into, ec);  // the reason
      if (failed_write && count == 0 && would_block(ec)) ec = failed_write;
    }
    if (count != 0 || over_ || !would_block(ec)) co_return count;
  }
}

}  // namespace holdfast
