// A server at one address that behaves as its script says, on the bare byte stream: it reads slowly, stops,
// answers rubbish, and writes down what it received.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "courier.hpp"
#include "journal.hpp"
#include "plan.hpp"
#include "transitions.hpp"
#include "v1_server.hpp"

import holdfast;
import holdfast.testing;

namespace sim {

namespace net = boost::asio;

class peer {
 public:
  // `service`: the server of holdfast.v1 behind it; null: messages are echoed as they are.
  peer(holdfast::testing::world& in, holdfast::endpoint at, journal& log, courier& mail, transitions& states,
       v1_server* service);

  void follow(const server_script& next) { script_ = next; }

 private:
  net::awaitable<void> speak(holdfast::transport stream);

  holdfast::testing::world& world_;
  journal& log_;
  courier& mail_;
  transitions& states_;
  v1_server* const service_;
  server_script script_{};
};

}  // namespace sim
