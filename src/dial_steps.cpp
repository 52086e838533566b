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

// RFC 9112 section 7.1.
body_beginning read_chunks(std::string_view bytes) {
  std::string text;
  while (text.size() < body_bytes) {
    const auto line = bytes.find("\r\n");
    if (line == std::string_view::npos) return {text, false};
    std::size_t size = 0;
    const auto [end, failed] = std::from_chars(bytes.data(), bytes.data() + line, size, 16);
    if (failed != std::errc{} || size == 0) break;  // nonsense, or the last one
    bytes.remove_prefix(line + 2);
    text += bytes.substr(0, size);
    if (bytes.size() <= size || bytes.size() - size < 2) return {text, false};
    bytes.remove_prefix(size + 2);
  }
  return {text, true};
}

body_beginning read_body(const http_head& answer) {
  const auto coding = answer.joined("Transfer-Encoding");
  if (boost::beast::iequals(coding, "chunked")) return read_chunks(answer.body);
  if (!coding.empty()) return {{}, true};  // is not text
  const auto length = answer.header("Content-Length");
  if (length.empty()) return {answer.body, true};
  std::size_t announced = 0;
  std::from_chars(length.data(), length.data() + length.size(), announced);
  return {answer.body.substr(0, announced), answer.body.size() >= std::min(announced, body_bytes)};
}

// With TLS 1.3 a server tells only behind the handshake that it does not like our certificate: whoever reads
// or writes first hears of it.
bool is_about_tls(error_code ec) {
  return ec == error::client_certificate_refused || ec == error::tls_failed;
}

}  // namespace

// Throws nothing: what is wrong with a variable of the environment ends the attempt.
std::optional<proxy_server> dial_attempt::choose_way() {
  const auto& to = place_.to;
  try {
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
      if (!co_await write(std::move(output))) co_return false;
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
  std::shared_ptr<tls_context> context;
  try {
    context = memory_->tls_for(options_->tls);
  } catch (const option_error& e) {
    co_return fail(error::tls_failed, e.what());
  }
  auto secured =
      std::make_unique<tls_stream>(std::move(*stream_), std::move(context), co_await net::this_coro::executor,
                                   place_.to.host, place_.to.port);
  auto& tls = *secured;  // stays where it is
  stream_.emplace(std::move(secured));
  auto done = co_await tls.handshake();
  if (over_) co_return false;
  co_return done.ok() || fail(done.error, std::move(done.detail));
}

// Credentials go to nobody but the origin that they are for, whatever a redirect says. There, a field of the
// provider takes the place of a static one: a request has one Authorization, and one Cookie.
header_list dial_attempt::headers() const {
  if (!place_.same_origin) return without_credentials(options_->headers);
  auto own = credentials_.headers;
  if (!credentials_.token.empty()) own.emplace_back("Authorization", "Bearer " + credentials_.token);
  auto out = options_->headers;
  std::erase_if(out, [&](const auto& field) {
    return std::ranges::any_of(own,
                               [&](const auto& each) { return is_same_header(each.first, field.first); });
  });
  out.insert(out.end(), own.begin(), own.end());
  return out;
}

net::awaitable<std::optional<http_head>> dial_attempt::read_head() {
  std::string bytes;
  std::array<char, 2048> piece{};
  while (!over_) {
    const auto room = std::min(piece.size(), options_->limits.upgrade_bytes - bytes.size());
    error_code ec = room == 0 ? make_error_code(error::upgrade_invalid) : error_code{};
    if (!ec) bytes.append(piece.data(), co_await read({piece.data(), room}, ec));
    if (over_) break;
    if (is_about_tls(ec)) record_.reason.at = stage::tls;
    if (ec) fail(ec == net::error::eof ? make_error_code(error::connection_lost) : ec);
    if (ec) break;
    auto head = parse_answer(bytes);
    if (head.has_error()) fail(head.error());
    if (head.has_error()) break;
    if (*head) co_return std::move(**head);
  }
  co_return std::nullopt;
}

// The reason is known, and stays; the rest of the text is worth a moment, not a deadline. When that is over,
// the attempt is abandoned: so what is known is written down before.
net::awaitable<void> dial_attempt::refused(http_head answer, error_code why) {
  fail(why);
  record_.reason.http_status = answer.status;
  record_.retry_after = retry_after(answer);
  record_.http_headers = answer.headers;
  answered_ = true;
  if (answer.status == 101) co_return;
  enter(stage::upgrade, body_patience);
  std::array<char, body_bytes> piece{};
  error_code ec;
  while (!over_) {
    const auto begun = read_body(answer);
    record_.reason.close_text = begun.text.substr(0, body_bytes);
    if (begun.enough || ec || answer.body.size() >= options_->limits.upgrade_bytes) break;
    answer.body.append(piece.data(), co_await read(piece, ec));
  }
}

net::awaitable<bool> dial_attempt::write(std::string bytes) {
  const auto ec = co_await write_all(*stream_, bytes);
  if (over_) co_return false;
  if (is_about_tls(ec)) record_.reason.at = stage::tls;
  co_return !ec || fail(ec);
}

// At least one byte, or an error.
net::awaitable<std::size_t> dial_attempt::read(std::span<char> into, error_code& ec) {
  for (;;) {
    auto [failed, count] = co_await stream_->async_read_some(into, net::as_tuple(net::deferred));
    ec = failed;
    if (would_block(ec) && !over_) count = stream_->read_some(into, ec);
    if (count != 0 || over_ || !would_block(ec)) co_return count;
  }
}

}  // namespace holdfast
