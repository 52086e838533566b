#include "server.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "page.hpp"

namespace net = boost::asio;
namespace http = boost::beast::http;
namespace ws = boost::beast::websocket;
using namespace std::chrono_literals;

namespace {

constexpr auto between_news = 500ms;
constexpr auto most_silence = 30s;  // of an HTTP connection

// The name in "name:port".
std::string name_of(std::string_view host) {
  const auto end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  return std::string(host.substr(0, end));
}

// A name of another site that leads to this machine (DNS rebinding) must not open the door. Behind a proxy
// STATUS_HOST says what it is called.
template <class Request>
bool is_for_us(const Request& asked) {
  const auto name = name_of(asked[http::field::host]);
  const auto* further = std::getenv("STATUS_HOST");
  return name == "127.0.0.1" || name == "localhost" || (further != nullptr && name == further);
}

// A page of another site must not read along (RFC 6455 section 10.2).
template <class Request>
bool is_of_this_site(const Request& asked) {
  const std::string_view origin = asked[http::field::origin];
  const auto host = origin.find("://");
  return origin.empty() || (host != std::string_view::npos &&
                            name_of(origin.substr(host + 3)) == name_of(asked[http::field::host]));
}

}  // namespace

status_server::status_server(net::io_context& io, const watched_connections& of, unsigned short port)
    : watched_(of), acceptor_(io, {net::ip::address_v4::loopback(), port}) {}

net::awaitable<void> status_server::serve() {
  for (net::steady_timer pause(acceptor_.get_executor());;) {
    auto [failed, socket] = co_await acceptor_.async_accept(net::as_tuple(net::use_awaitable));
    if (failed) {  // such as: too many sockets are open
      pause.expires_after(100ms);
      co_await pause.async_wait(net::use_awaitable);
      continue;
    }
    net::co_spawn(acceptor_.get_executor(), answer_all(stream(std::move(socket))), net::detached);
  }
}

// Until the client leaves, which is an exception.
net::awaitable<void> status_server::answer_all(stream socket) {
  boost::beast::flat_buffer buffer;
  for (bool keeps_open = true; keeps_open;) {
    request asked;
    socket.expires_after(most_silence);
    co_await http::async_read(socket, buffer, asked, net::use_awaitable);
    if (ws::is_upgrade(asked) && asked.target() == "/live" && is_for_us(asked) && is_of_this_site(asked)) {
      socket.expires_never();
      websocket page(std::move(socket));
      page.set_option(ws::stream_base::timeout::suggested(boost::beast::role_type::server));
      co_await page.async_accept(asked, net::use_awaitable);
      co_return co_await tell_news(std::move(page));
    }
    auto answer = answer_to(asked);
    keeps_open = answer.keep_alive();
    co_await http::async_write(socket, answer, net::use_awaitable);
  }
}

// Until the page is closed: a read answers pings and the close frame meanwhile.
net::awaitable<void> status_server::tell_news(websocket page) const {
  using namespace net::experimental::awaitable_operators;
  const auto tell = [this, &page]() -> net::awaitable<void> {
    boost::json::object told;  // of the fleet: it is long, and seldom another
    for (net::steady_timer pause(page.get_executor());;) {
      boost::json::object all{{"connections", watched_.status()}};
      if (fleet_ && told != fleet_()) all["fleet"] = told = fleet_();
      const auto news = boost::json::serialize(all);
      co_await page.async_write(net::buffer(news), net::use_awaitable);
      pause.expires_after(between_news);
      co_await pause.async_wait(net::use_awaitable);
    }
  };
  const auto listen = [&page]() -> net::awaitable<void> {
    for (boost::beast::flat_buffer ignored;; ignored.clear())
      co_await page.async_read(ignored, net::use_awaitable);
  };
  auto both = tell() || listen();
  co_await std::move(both);
}

status_server::response status_server::answer_to(const request& asked) const {
  response answer(http::status::ok, asked.version());
  if (!is_for_us(asked)) {
    answer.result(http::status::misdirected_request);
    answer.body() = "this is not who you ask for; see STATUS_HOST\n";
  } else if (!fill(answer, asked.target())) {
    answer.result(http::status::not_found);
    answer.body() = "try /, /status, /fleet, /metrics or /timeline/0\n";
  }
  answer.keep_alive(asked.keep_alive());
  answer.prepare_payload();
  return answer;
}

bool status_server::fill(response& answer, std::string_view path) const {
  constexpr std::string_view timeline = "/timeline/";
  auto type = "text/html; charset=utf-8";
  if (path == "/") {
    answer.body() = status_page;
  } else if (path == "/status") {
    type = "application/json";
    answer.body() = boost::json::serialize(watched_.status());
  } else if (path == "/fleet" && fleet_) {
    type = "application/json";
    answer.body() = boost::json::serialize(fleet_());
  } else if (path == "/metrics") {
    type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    answer.body() = watched_.metrics();
  } else if (path.starts_with(timeline)) {
    std::size_t id = 0;
    const auto digits = path.substr(timeline.size());
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return false;
    answer.body() = watched_.timeline_page(id);
  }
  answer.set(http::field::content_type, type);
  return !answer.body().empty();
}
