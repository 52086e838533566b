// What a connection receives, message by message, until it is closed.
#pragma once

#include <string>
#include <vector>

#include "scenario.hpp"

inline net::awaitable<void> receive_into(connection& from, std::vector<std::string>& all) {
  for (;;) {
    auto [ec, next] = co_await from.receive(net::as_tuple(net::use_awaitable));
    if (ec) co_return;
    all.push_back(std::move(next.payload));
  }
}
