// HTTP on a port of 127.0.0.1: the page, its WebSocket, timelines, numbers.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/json.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "watched.hpp"

class status_server {
 public:
  // Port 0: any that is free.
  status_server(boost::asio::io_context& io, const watched_connections& of, unsigned short port);
  // Shows a fleet as well; `of` is asked for it as it is now.
  void show_fleet(std::function<const boost::json::object&()> of) { fleet_ = std::move(of); }
  [[nodiscard]] unsigned short port() const { return acceptor_.local_endpoint().port(); }
  boost::asio::awaitable<void> serve();

 private:
  using request = boost::beast::http::request<boost::beast::http::empty_body>;
  using response = boost::beast::http::response<boost::beast::http::string_body>;
  using stream = boost::beast::tcp_stream;
  using websocket = boost::beast::websocket::stream<stream>;

  boost::asio::awaitable<void> answer_all(stream socket);
  boost::asio::awaitable<void> tell_news(websocket page) const;
  [[nodiscard]] response answer_to(const request& asked) const;
  [[nodiscard]] bool fill(response& answer, std::string_view path) const;

  const watched_connections& watched_;
  std::function<const boost::json::object&()> fleet_;  // empty: there is none
  boost::asio::ip::tcp::acceptor acceptor_;
};
