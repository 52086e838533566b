// The connections of the program, with what each has lived through.
#pragma once

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <deque>
#include <string>
#include <utility>

import holdfast;
import holdfast.insight;

class watched_connections {
 public:
  explicit watched_connections(boost::asio::io_context& io) : io_(io) {}

  // Opens one more, and keeps it open.
  void add(const std::string& url);
  // All of them, as the page and `holdfast top` show them.
  [[nodiscard]] boost::json::array status() const;
  // The page with the picture of one; empty: there is no such connection.
  [[nodiscard]] std::string timeline_page(std::size_t id) const;
  // For Prometheus.
  [[nodiscard]] std::string metrics() const;
  // Keeps the numbers of each second for the pictures, for ever.
  boost::asio::awaitable<void> sample();

 private:
  // The states of the last minutes, for the small band.
  using recent_states = std::deque<std::pair<holdfast::clock::time_point, holdfast::connection_state>>;
  struct entry {
    entry(boost::asio::io_context& io, const std::string& url);
    void remember(const holdfast::state_change& change);
    recent_states recent;
    holdfast::timeline history;
    holdfast::connection conn;
  };
  static boost::json::array band_of(const recent_states& states);
  boost::asio::io_context& io_;
  std::deque<entry> all_;
};
