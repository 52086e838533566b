// A chat server on Asio and Beast that speaks our JSON profile "holdfast.v1". One learns what a backend has
// to do so that its clients may lose their connections and nothing else. Read dispatch.cpp first.
#include <boost/asio.hpp>
#include <iostream>

#include "arguments.hpp"
#include "server.hpp"

namespace net = boost::asio;

int serve(const settings& given) {
  net::io_context io(1);
  server chat_server(io, given);
  net::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& ec, int) {
    signals.clear();  // so the next one ends us at once
    if (!ec) chat_server.stop();
  });
  chat_server.start();
  std::cout << "listening on ws://127.0.0.1:" << chat_server.port() << std::endl;
  io.run();
  return 0;
}

int main(int argc, char* argv[]) try {
  const auto given = parse_arguments(argc, argv);
  if (given.help.empty()) return serve(given);
  std::cout << given.help;
} catch (const boost::system::system_error& wrong) {
  std::cerr << "chat_server: " << wrong.code().message() << '\n';  // what() would add a source location
  return 1;
} catch (const std::exception& wrong) {
  std::cerr << "chat_server: " << wrong.what() << '\n';
  return 2;
}
