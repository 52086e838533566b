// An attempt that asks for something other than a WebSocket, and who sees it through.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/system_error.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :attempt;
import :http_fetch;
import :upgrade_exchange;
import :wakeup;

namespace holdfast {
namespace {

namespace http = boost::beast::http;
using parser = http::response_parser<http::string_body>;

constexpr std::array<std::string_view, 5> own_fields{"Host", "User-Agent", "Content-Length", "Connection",
                                                     "Transfer-Encoding"};
constexpr unsigned most_interim = 20;
constexpr unsigned switching_protocols = 101;

// The way of "https://" is that of "wss://".
std::string as_websocket_url(std::string_view url) {
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    throw option_error("http_request.url", "must begin with https:// or http://");
  auto out = "ws" + std::string(url.substr(std::string_view("http").size()));
  if (const auto problem = read_url(out).problem; !problem.empty())
    throw option_error("http_request.url", problem);
  return out;
}

void check(const http_request& what) {
  if (!is_token(what.method)) throw option_error("http_request.method", "must be an HTTP token");
  if (what.limit == 0) throw option_error("http_request.limit", "must be at least 1");
  for (const auto& [name, value] : what.headers) {
    if (!is_token(name)) throw option_error("http_request.headers", "has a name that is not an HTTP token");
    if (!is_field_value(value))
      throw option_error("http_request.headers", name + " has a control character in its value");
    if (std::ranges::any_of(own_fields, [&](std::string_view each) { return is_same_header(each, name); }))
      throw option_error("http_request.headers", name + " is set by itself: remove it here");
  }
}

bool has_body(const http_request& what) {
  return !what.body.empty() || what.method == "POST" || what.method == "PUT" || what.method == "PATCH";
}

std::string text_of(const http_request& what, const target& to, std::string_view user_agent) {
  auto out = what.method + ' ' + to.path + " HTTP/1.1\r\nHost: " + to.host_header;
  if (!user_agent.empty()) out.append("\r\nUser-Agent: ").append(user_agent);
  out += "\r\nConnection: close";
  if (has_body(what)) out += "\r\nContent-Length: " + std::to_string(what.body.size());
  for (const auto& [name, value] : what.headers) out.append("\r\n").append(name).append(": ").append(value);
  return out + "\r\n\r\n" + (has_body(what) ? what.body : std::string());
}

error_code meaning_of(error_code parsing) {
  if (parsing == http::error::body_limit) return error::message_too_big;
  if (parsing == http::error::partial_message || parsing == http::error::end_of_stream)
    return error::connection_lost;
  return error::upgrade_invalid;
}

http_response response_of(parser& from) {
  auto& message = from.get();
  http_response out{.status = message.result_int(), .body = std::move(message.body())};
  for (const auto& field : message) out.headers.emplace_back(field.name_string(), field.value());
  return out;
}

// Reads one answer, past the interim ones, from bytes as they come.
class answer_reader {
 public:
  answer_reader(std::size_t header_limit, std::size_t body_limit, bool to_head)
      : header_limit_(header_limit), body_limit_(body_limit), to_head_(to_head) {
    begin();
  }
  [[nodiscard]] bool is_done() const { return parser_->is_done() && !is_interim(); }
  [[nodiscard]] http_response take() { return response_of(*parser_); }

  error_code feed(std::string_view bytes) {
    bytes_ += bytes;
    error_code ec;
    while (!ec && !bytes_.empty() && !is_done()) {
      if (parser_->is_done()) {
        if (++interim_ > most_interim) return error::upgrade_invalid;
        begin();
      }
      const bool in_head = !parser_->is_header_done();
      const auto count = parser_->put(boost::asio::buffer(bytes_), ec);
      bytes_.erase(0, count);
      if (in_head) head_bytes_ += count;
      if (is_switch()) return error::upgrade_invalid;  // nobody has asked for another protocol
    }
    if (ec && ec != http::error::need_more) return meaning_of(ec);
    // Beast bounds neither the lines between the chunks of a body, nor a header that comes line by line.
    const bool is_bounded = parser_->is_header_done() || head_bytes_ <= header_limit_;
    return is_done() || (is_bounded && bytes_.size() <= header_limit_) ? error_code()
                                                                       : error::upgrade_invalid;
  }
  // The server has closed: some bodies end with that.
  error_code end() {
    if (!parser_->got_some() || is_interim()) return error::connection_lost;
    error_code ec;
    parser_->put_eof(ec);
    return ec ? meaning_of(ec) : error_code();
  }

 private:
  void begin() {
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(header_limit_, 1U << 30U)));
    parser_->body_limit(body_limit_);
    parser_->skip(to_head_);  // the answer to HEAD has no body, whatever its header says
  }
  [[nodiscard]] unsigned status() const {
    return parser_->is_header_done() ? parser_->get().result_int() : 0;
  }
  [[nodiscard]] bool is_switch() const { return status() == switching_protocols; }
  [[nodiscard]] bool is_interim() const { return status() >= 100 && status() < 200; }

  const std::size_t header_limit_;
  const std::size_t body_limit_;
  const bool to_head_;
  std::optional<parser> parser_;
  std::string bytes_;
  std::size_t head_bytes_ = 0;  // of interim answers, too
  unsigned interim_ = 0;
};

// Shared with the attempt's coroutine, which may end after see_through() has returned.
struct exchange_parts {
  exchange_parts(const http_request& what, const options& how, net::any_io_executor on)
      : strand(std::move(on)),
        answer(how.limits.upgrade_bytes, what.limit, what.method == "HEAD"),
        request(text_of(what, parse_url(how.url), how.user_agent)),
        news(strand) {}
  exchange_parts(const exchange_parts&) = delete;
  exchange_parts& operator=(const exchange_parts&) = delete;

  const net::any_io_executor strand;
  answer_reader answer;
  std::string request;
  wakeup news;
};

// What the attempt does with the open stream.
net::awaitable<stream_use> exchange(transport& stream, const bool& abandoned, std::string request,
                                    answer_reader& answer) {
  const auto not_sent = co_await write_all(stream, request);
  if (not_sent && !abandoned) co_return stream_use{not_sent, stream.error_detail()};
  std::array<char, 4096> piece{};
  while (!abandoned && !answer.is_done()) {
    error_code ec;
    const auto count = co_await read_bytes(stream, piece, ec, abandoned);
    if (abandoned) break;
    if (const auto wrong = answer.feed({piece.data(), count})) co_return stream_use{wrong, {}};
    if (!ec || answer.is_done()) continue;
    if (ec != net::error::eof) co_return stream_use{ec, stream.error_detail()};
    co_return stream_use{answer.end(), {}};
  }
  co_return stream_use{};
}

net::awaitable<http_response> see_through(http_request what, std::shared_ptr<const options> how,
                                          net::any_io_executor strand) {
  co_await net::this_coro::throw_if_cancelled(false);
  const auto own = std::make_shared<exchange_parts>(what, *how, strand);
  const auto attempt = std::make_shared<dial_attempt>(how, std::make_shared<dial_memory>(*how),
                                                      credential_request{.url = how->url},
                                                      [how](log_level level, std::string_view line) {
                                                        if (how->log) how->log(level, line);
                                                      });
  attempt->use_stream_by([own](transport& stream, const bool& abandoned) {
    return exchange(stream, abandoned, std::move(own->request), own->answer);
  });
  attempt->start(strand, [own] { own->news.notify(); });
  const auto cancelled = co_await net::this_coro::cancellation_state;
  const auto goes_on = [&] {
    return !attempt->over() && cancelled.cancelled() == net::cancellation_type::none;
  };
  while (goes_on() && clock::now() < attempt->deadline()) co_await own->news.wait_until(attempt->deadline());
  const bool was_over = attempt->over();
  if (!was_over) {
    const bool is_late = cancelled.cancelled() == net::cancellation_type::none;
    attempt->abandon(is_late ? make_error_code(error::timed_out) : net::error::operation_aborted);
  }
  const auto& why = attempt->record().reason;
  if (why.error) throw boost::system::system_error(why.error, why.detail);
  co_return own->answer.take();
}

}  // namespace

net::awaitable<http_response> http_fetch(http_request what, options how) {
  check(what);
  how.url = as_websocket_url(what.url);
  how.endpoints = {};
  how.provider = {};
  how.protocol = {};
  how.headers = {};
  how.subprotocols = {};
  how.subprotocol = subprotocol_rule::offered_or_none;
  validate(how);
  const net::any_io_executor strand = net::make_strand(co_await net::this_coro::executor);
  co_return co_await net::co_spawn(
      strand, see_through(std::move(what), std::make_shared<const options>(std::move(how)), strand),
      net::use_awaitable);
}

}  // namespace holdfast
