// The connection over real sockets, which chaos.py watches. Prints a line for each transition; obeys the
// lines of its input: "send COUNT", and "quit", as which the end of the input counts, too.
// Usage: chaos_client URL SEED PING_SECONDS
#include <boost/asio.hpp>
#include <chrono>
#include <exception>
#include <iostream>
#include <string>

#include "subject.hpp"

import holdfast;

namespace net = boost::asio;

namespace {

void say(const std::string& line) { std::cout << line << std::endl; }

net::awaitable<void> obey(holdfast::connection& conn) {
  const auto executor = co_await net::this_coro::executor;
  net::posix::stream_descriptor input(executor, 0);
  for (std::string typed;;) {
    const auto [ec, size] =
        co_await net::async_read_until(input, net::dynamic_buffer(typed), '\n', net::as_tuple(net::deferred));
    const auto line = typed.substr(0, ec ? 0 : size - 1);
    typed.erase(0, size);
    if (line.starts_with("send ")) {
      net::co_spawn(executor, chaos::exchange(conn, std::stoul(line.substr(5)), say), net::detached);
    } else {
      conn.close();
      co_return;
    }
  }
}

}  // namespace

int main(int argc, char* argv[]) try {
  if (argc != 4) {
    std::cerr << "usage: chaos_client URL SEED PING_SECONDS\n";
    return 2;
  }
  net::io_context io(1);
  const auto given =
      chaos::options_for(argv[1], std::stoull(argv[2]), std::chrono::seconds(std::stoi(argv[3])), say);
  holdfast::connection conn(io, given);
  chaos::tell_changes(conn, say);
  net::co_spawn(io, obey(conn), net::detached);
  conn.run(net::detached);
  io.run();
} catch (const std::exception& wrong) {
  std::cerr << "chaos_client: " << wrong.what() << '\n';
  return 2;
}
