// A fleet as the page shows it: which worker holds which keys.
#pragma once

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <string>
#include <string_view>

import holdfast;
import holdfast.fleet;

class watched_fleet {
 public:
  // Where it is: the URL of a NATS server with the fleet's name behind it, as in nats://127.0.0.1:4222/bots.
  explicit watched_fleet(std::string_view where);

  // Asks the broker again and again, for ever.
  boost::asio::awaitable<void> look();
  // Workers with their keys, and the keys that nobody holds; of each list the first names, and how many there
  // are.
  [[nodiscard]] const boost::json::object& status() const { return status_; }

 private:
  watched_fleet(std::string server, std::string name);

  holdfast::fleet::client client_;
  boost::json::object status_;
};
