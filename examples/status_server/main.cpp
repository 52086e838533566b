// A program with several connections that reports on them over HTTP: /metrics for Prometheus, /status as
// JSON. Arguments: the port of 127.0.0.1 to listen on (0: any), then a URL for each connection.
#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/json.hpp>
#include <deque>
#include <iostream>
#include <string>

import holdfast;

namespace net = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;

class status_server {
 public:
  status_server(net::io_context& io, unsigned short port)
      : io_(io), acceptor_(io, {net::ip::address_v4::loopback(), port}) {}

  void watch(const std::string& url) {
    auto& conn = connections_.emplace_back(io_, holdfast::options{.url = url});
    conn.run(net::detached);
    net::co_spawn(io_, read(conn), net::detached);
  }
  [[nodiscard]] unsigned short port() const { return acceptor_.local_endpoint().port(); }

  net::awaitable<void> serve() {
    for (;;) {
      auto socket = co_await acceptor_.async_accept(net::use_awaitable);
      net::co_spawn(io_, answer_all(std::move(socket)), net::detached);
    }
  }

 private:
  static net::awaitable<void> read(holdfast::connection& conn) {
    for (;;) co_await conn.receive();
  }

  // Until the client leaves, which is an exception.
  net::awaitable<void> answer_all(net::ip::tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    for (bool keeps_open = true; keeps_open;) {
      http::request<http::empty_body> asked;
      co_await http::async_read(socket, buffer, asked, net::use_awaitable);
      auto answer = answer_to(asked);
      keeps_open = answer.keep_alive();
      co_await http::async_write(socket, answer, net::use_awaitable);
    }
  }

  http::response<http::string_body> answer_to(const http::request<http::empty_body>& asked) {
    http::response<http::string_body> answer(http::status::ok, asked.version());
    if (asked.target() == "/metrics") {
      answer.set(http::field::content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
      answer.body() = to_openmetrics(holdfast::stats_of(io_));
    } else if (asked.target() == "/status") {
      answer.set(http::field::content_type, "application/json");
      answer.body() = json::serialize(status());
    } else {
      answer.result(http::status::not_found);
      answer.body() = "try /metrics or /status\n";
    }
    answer.keep_alive(asked.keep_alive());
    answer.prepare_payload();
    return answer;
  }

  json::array status() {
    json::array out;
    for (const auto& each : connections_) {
      const auto last = each.snapshot();
      const auto numbers = each.stats();
      const auto age = std::chrono::duration<double>(numbers.age);
      out.push_back({{"origin", last.origin},
                     {"state", to_string(last.to)},
                     {"said", describe(last)},
                     {"sessions", numbers.sessions},
                     {"connected_share", numbers.connected_for / age}});
    }
    return out;
  }

  net::io_context& io_;
  net::ip::tcp::acceptor acceptor_;
  std::deque<holdfast::connection> connections_;
};

int main(int argc, char* argv[]) try {
  net::io_context io;
  status_server server(io, static_cast<unsigned short>(argc > 1 ? std::stoi(argv[1]) : 9464));
  for (int i = 2; i < argc; ++i) server.watch(argv[i]);
  std::cout << "listening " << server.port() << std::endl;
  net::co_spawn(io, server.serve(), net::detached);
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
