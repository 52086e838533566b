// Real sockets and real time: a server behind a port of 127.0.0.1, and options that lead there and lose no
// time between attempts.
#pragma once

#include <boost/asio.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

import holdfast.core;
import holdfast.testing;

namespace net = boost::asio;
using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

// A bound for what has no reason to take long; no test measures time.
inline constexpr auto patience = 30s;

inline options quick_options(std::string url) {
  options given;
  given.url = std::move(url);
  given.retry.base = 5ms;
  given.retry.cap = 20ms;
  given.retry.first_spread = 5ms;
  return given;
}

// On the thread that calls.
struct loopback {
  net::io_context io;
  server backend{io.get_executor()};
  loopback_port port{io.get_executor(), backend};
  options given = quick_options(port.url());

  bool run_until(const std::function<bool()>& fact) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!fact()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io.restart();  // it has stopped if there was nothing to do for a moment
      io.run_one_for(20ms);
    }
    return true;
  }
  bool reaches(const connection& conn, connection_state wanted) {
    return run_until([&] { return conn.status() == wanted; });
  }
};
