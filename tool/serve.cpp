// holdfast serve: a server of holdfast.testing on a real port, that behaves well or badly.
#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "arguments.hpp"
#include "command.hpp"
#include "fields.hpp"
#include "output.hpp"

import holdfast;
import holdfast.testing;

namespace tool {
namespace {

namespace net = boost::asio;
using holdfast::testing::server_session;

po::options_description serve_arguments() {
  po::options_description out(
      "usage: holdfast serve [OPTION]...\n"
      "A WebSocket server to try things against, until Ctrl-C. Scripts:\n"
      "  echo      sends back what comes\n"
      "  drop      the same for a while, then hangs up without a closing handshake\n"
      "  silence   the same for a while, then neither reads nor answers any more\n"
      "  refuse    answers each upgrade with a status other than 101\n"
      "  restart   closes all sessions with 1012 after a while, refuses connections for as long, and begins "
      "again",
      100);
  // clang-format off
  out.add_options()
      ("port", po::value<std::uint16_t>()->default_value(8080)->value_name("N"), "listen there; 0: a free port")
      ("address", po::value<std::string>()->default_value("127.0.0.1")->value_name("ADDRESS"), "listen at this address of this machine; 0.0.0.0: at all")
      ("script", po::value<std::string>()->default_value("echo")->value_name("NAME"), "what it does, see above")
      ("after", po::value<std::string>()->default_value("5s")->value_name("DURATION"), "how long the while is")
      ("status", po::value<unsigned>()->default_value(503)->value_name("STATUS"), "of the answers of refuse")
      ("retry-after", po::value<unsigned>()->value_name("SECONDS"), "what refuse asks for")
      ("compress", "agree to permessage-deflate")
      ("cert", po::value<std::string>()->value_name("FILE"), "speak TLS, with this certificate and its chain")
      ("key", po::value<std::string>()->value_name("FILE"), "its key, if not in the same file")
      ("help,h", "print this");
  // clang-format on
  return out;
}

std::string contents(const std::string& option, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw usage_error("--" + option + ": the file cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

class test_server {
 public:
  explicit test_server(const po::variables_map& given)
      : script_(given["script"].as<std::string>()),
        after_(read_duration("--after", given["after"].as<std::string>())),
        server_(io_.get_executor()) {
    constexpr std::array scripts = {"echo", "drop", "silence", "refuse", "restart"};
    if (std::ranges::find(scripts, script_) == scripts.end())
      throw usage_error("--script must be echo, drop, silence, refuse or restart");
    if (after_ <= std::chrono::milliseconds{}) throw usage_error("--after must be longer than zero");
    if (script_ == "refuse") refuse(given);
    if (given.count("compress") != 0) server_.agree_to_compression({.enabled = true});
    if (given.count("cert") != 0) speak_tls(given);
    server_.on_session([this](server_session& session) { return serve(session, ++sessions_); });
    boost::system::error_code no_address;
    const auto address = net::ip::make_address(given["address"].as<std::string>(), no_address);
    if (no_address) throw usage_error("--address must be an address of this machine, such as 127.0.0.1");
    where_ = {address, given["port"].as<std::uint16_t>()};
    listen();
    where_.port(acceptor_->local_endpoint().port());
  }

  int run() {
    const bool is_v6 = where_.address().is_v6();
    const auto host = where_.address().to_string();
    print("listening on " + std::string(server_.uses_tls() ? "wss://" : "ws://") +
          (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(where_.port()) + "/");
    net::signal_set signals(io_, SIGINT, SIGTERM);
    signals.async_wait([&](auto...) { io_.stop(); });
    if (script_ == "restart") net::co_spawn(io_, restart(), net::detached);
    io_.run();
    return ended_well;
  }

 private:
  void refuse(const po::variables_map& given) {
    holdfast::testing::http_answer answer{.status = given["status"].as<unsigned>()};
    constexpr unsigned first = 200, last = 599;
    if (answer.status < first || answer.status > last)
      throw usage_error("--status must be a number from 200 to 599");
    if (given.count("retry-after") != 0)
      answer.headers.emplace_back("Retry-After", std::to_string(given["retry-after"].as<unsigned>()));
    server_.on_upgrade([answer](const auto&) {
      print_event("refused an upgrade with " + std::to_string(answer.status));
      return std::optional(answer);
    });
  }

  void speak_tls(const po::variables_map& given) {
    const auto certificate = contents("cert", given["cert"].as<std::string>());
    const auto key = given.count("key") != 0 ? contents("key", given["key"].as<std::string>()) : certificate;
    server_.use_tls({.certificate_pem = certificate, .key_pem = key});
  }

  void listen() {
    acceptor_.emplace(io_, where_);
    net::co_spawn(io_, accept(*acceptor_), net::detached);
  }

  // Until the acceptor is closed.
  net::awaitable<void> accept(net::ip::tcp::acceptor& from) {
    for (;;) server_.accept(holdfast::transport(co_await from.async_accept(net::use_awaitable)));
  }

  net::awaitable<void> serve(server_session& session, unsigned number) {
    const auto name = "session " + std::to_string(number);
    print_event(name + " opened: " + holdfast::one_line(session.request().path, most_path_bytes));
    if (script_ == "drop") {
      if (const bool open = co_await session.echo_for(after_); open) session.drop();
    } else if (script_ == "silence") {
      constexpr auto long_enough = std::chrono::hours{24 * 365};
      if (const bool open = co_await session.echo_for(after_); open)
        co_await session.fall_silent_for(long_enough);
    } else if (script_ == "restart") {
      const auto left = restarts_at_ - holdfast::clock::now();
      constexpr std::uint16_t service_restart = 1012;
      if (const bool open = co_await session.echo_for(left); open)
        co_await session.close(service_restart, "restart");
    } else {
      co_await session.echo();
    }
    const auto code = session.close_code();
    print_event(name + " ended" + (code == 0 ? "" : ", the client closed with " + std::to_string(code)));
  }

  // The sessions end by themselves at `restarts_at_`.
  net::awaitable<void> restart() {
    holdfast::timer timer(io_.get_executor());
    for (;;) {
      restarts_at_ = holdfast::clock::now() + after_;
      co_await timer.async_wait_until(restarts_at_, net::as_tuple(net::use_awaitable));
      acceptor_->close();
      print_event("refuses connections");
      co_await timer.async_wait_until(holdfast::clock::now() + after_, net::as_tuple(net::use_awaitable));
      listen();
      print_event("listens again");
    }
  }

  static constexpr std::size_t most_path_bytes = 200;

  const std::string script_;
  const std::chrono::milliseconds after_;
  net::io_context io_{1};
  holdfast::testing::server server_;
  net::ip::tcp::endpoint where_;
  std::optional<net::ip::tcp::acceptor> acceptor_;
  holdfast::clock::time_point restarts_at_{};
  unsigned sessions_ = 0;
};

}  // namespace

int serve(arguments words) {
  const auto [given, is_answered] = parse(words, serve_arguments(), nullptr);
  if (is_answered) return ended_well;
  return test_server(given).run();
}

}  // namespace tool
