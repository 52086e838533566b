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
#include "line.hpp"
#include "plan.hpp"
#include "surroundings.hpp"

import holdfast;
import holdfast.testing;
import holdfast.wire;

namespace sim {

namespace net = boost::asio;

class peer {
 public:
  // The first or the second of them; `other`: the URL to which it sends clients if it redirects them.
  peer(surroundings around, std::size_t index, holdfast::peer_address at, std::string other);

  void follow(const server_script& next) { script_ = next; }

 private:
  net::awaitable<void> speak(holdfast::transport stream);
  [[nodiscard]] net::awaitable<bool> secure(holdfast::transport& stream) const;
  [[nodiscard]] std::string welcome(line& on, const holdfast::http_head& request) const;
  [[nodiscard]] std::string interim() const;
  void refuse(line& on, const server_script& script);

  const surroundings around_;
  v1_server* const service_;  // null: messages are echoed as they are
  const std::size_t index_;
  const std::string other_;
  server_script script_{};
};

}  // namespace sim
