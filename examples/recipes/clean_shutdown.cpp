// A clean end on SIGTERM: the server learns why, accepted messages leave first, the program keeps what could
// not leave, and main() returns because nothing is left to do.
#include <boost/asio.hpp>
#include <csignal>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;

class service {
 public:
  service(net::io_context& io, holdfast::options given)
      : signals_(io, SIGINT, SIGTERM), conn_(io, std::move(given)) {
    signals_.async_wait([this](holdfast::error_code ec, int) {
      if (!ec) stop();
    });
    conn_.run([this](holdfast::error_code ec) {
      std::cout << "run() has returned: " << (ec ? ec.message() : "closed") << '\n';
      signals_.cancel();  // in case no signal was the cause
    });
  }

  void report(const std::string& reading) {
    conn_.send(reading, {.when_offline = holdfast::offline_rule::wait},
               [this, reading](holdfast::send_result sent) {
                 if (sent.ok()) {
                   ++written;
                 } else {
                   left_over.push_back(reading);  // keep it for the next start
                 }
               });
  }
  int written = 0;
  std::vector<std::string> left_over;

 private:
  void stop() {
    signals_.clear();  // a second Ctrl-C ends the process at once
    conn_.close({.code = 1001, .text = "deploy"});
  }

  net::signal_set signals_;
  holdfast::connection conn_;
};

// The other side counts, and reads the close code. Real sockets, because the signal is real.
int main() {
  net::io_context io(1);
  holdfast::testing::server server(io.get_executor());
  holdfast::testing::loopback_port port(io.get_executor(), server);
  service reporter(io, {.url = port.url()});
  int received = 0;
  unsigned close_code = 0;
  server.on_session([&](holdfast::testing::server_session& session) -> net::awaitable<void> {
    co_await session.send("welcome");
    for (;;) {
      const auto reading = co_await session.receive();
      if (!reading) break;
      if (++received == 1) {  // fills the queue, then sends the signal
        for (int n = 2; n <= 1000; ++n) reporter.report("reading " + std::to_string(n));
        std::raise(SIGTERM);
      }
    }
    close_code = session.close_code();
    port.shut();
  });
  reporter.report("reading 1");  // waits for the first session

  io.run();
  reporter.report("reading 1001");  // too late
  io.restart();
  io.run();
  std::cout << reporter.written << " written, " << received << " received, then close code " << close_code
            << '\n';
  return reporter.written == 1000 && received == 1000 && reporter.left_over.size() == 1 && close_code == 1001
             ? 0
             : 1;
}
