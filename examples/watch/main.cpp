// Watches any ws:// server: prints states and messages as they come, sends what it is told, and closes on
// Ctrl-C. One learns a coroutine for each concern, a callback where it is shorter, and an orderly end.
#include <fcntl.h>

#include <boost/asio.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "output.hpp"

import holdfast;

namespace net = boost::asio;

void send(holdfast::connection& conn, const std::string& text) {
  conn.send(text, [](holdfast::send_result sent) {
    if (!sent.ok()) print(std::string(to_string(sent.outcome)) + ": " + sent.reason.message());
  });
}

net::awaitable<void> show_states(holdfast::connection& conn, const std::vector<std::string>& greetings) {
  auto watch = conn.watch();
  for (;;) {
    const auto change = co_await watch.next_state();
    print(describe(change));
    if (change.to == holdfast::connection_state::connected) {
      for (const auto& each : greetings) send(conn, each);
    }
  }
}

net::awaitable<void> show_messages(holdfast::connection& conn) {
  for (;;) {
    const auto got = co_await conn.receive();
    const bool text = got.kind == holdfast::message_kind::text;
    print(text ? "< " + printable(got.payload)
               : "< " + std::to_string(got.payload.size()) + " bytes, binary");
  }
}

// A line that is read while there is no connection waits for one.
net::awaitable<void> send_lines(holdfast::connection& conn) {
  // Opened anew: Asio makes it non-blocking, which a terminal's stdin would share with its stdout.
  net::posix::stream_descriptor input(co_await net::this_coro::executor, ::open("/dev/stdin", O_RDONLY));
  for (std::string lines;;) {
    const auto [end, size] =
        co_await net::async_read_until(input, net::dynamic_buffer(lines), '\n', net::as_tuple(net::deferred));
    if (end && lines.empty()) co_return;
    co_await conn.wait_for(holdfast::connection_state::connected);
    send(conn, lines.substr(0, end ? lines.size() : size - 1));
    if (end) co_return;
    lines.erase(0, size);
  }
}

int watch(const watch_arguments& given) {
  int exit_status = 0;
  net::io_context io(1);
  holdfast::connection conn(io, given.options);
  net::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](holdfast::error_code ec, int) {
    signals.clear();  // so the next one ends us at once
    if (!ec) conn.close(holdfast::close_reason{.text = given.close_text});
  });
  net::co_spawn(io, show_states(conn, given.greetings), net::detached);
  if (given.options.receive_messages) net::co_spawn(io, show_messages(conn), net::detached);
  net::cancellation_signal stop_reading;
  if (given.reads_stdin) {
    net::co_spawn(io, send_lines(conn), net::bind_cancellation_slot(stop_reading.slot(), net::detached));
  }
  conn.run([&](holdfast::error_code reason) {
    if (reason) exit_status = 1;  // it has given up, and nobody asked for that
    signals.cancel();
    stop_reading.emit(net::cancellation_type::terminal);
  });
  io.run();
  return exit_status;
}

int main(int argc, char* argv[]) try {
  const auto given = parse_arguments(argc, argv);
  if (given.help.empty()) return watch(given);
  std::cout << given.help;
} catch (const std::exception& wrong) {
  std::cerr << "watch: " << wrong.what() << '\n';
  return 2;
}
