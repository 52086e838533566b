// holdfast doctor: one dial, told from the URL to the first round trip; and if it fails, what is wrong, what
// to do, and what the retry policy would do.
#include <boost/asio.hpp>
#include <boost/program_options.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "advice.hpp"
#include "arguments.hpp"
#include "command.hpp"
#include "doctor_network.hpp"
#include "doctor_report.hpp"
#include "doctor_tls.hpp"
#include "output.hpp"

import holdfast;
import holdfast.wire;

namespace tool {
namespace {

namespace net = boost::asio;
using holdfast::connection_state;

po::options_description doctor_arguments() {
  po::options_description out(
      "usage: holdfast doctor URL [OPTION]...\n"
      "Dials once, and explains what happens: names, addresses, proxy, TLS, upgrade; what to do if it fails. "
      "Status 0: it connected",
      100);
  out.add_options()("help,h", "print this");
  out.add(connection_arguments());
  return out;
}

std::string without_password(const holdfast::proxy_server& proxy) {
  const bool is_v6 = proxy.host.find(':') != std::string::npos;
  return (proxy.kind == holdfast::proxy_kind::http ? "http://" : "socks5://") +
         (is_v6 ? "[" + proxy.host + "]" : proxy.host) + ":" + std::to_string(proxy.port) +
         (proxy.username.empty() ? "" : ", with a user name");
}

// The connection has a network of our own, and therefore would not ask the environment: it is asked here.
void choose_way(holdfast::options& given) {
  const auto target = holdfast::read_url(given.url).to;
  const auto real = holdfast::process_environment();
  std::string last;  // the variable that was set and asked for last: the one that has decided
  const holdfast::environment noting = [&](std::string_view name) {
    auto value = real(name);
    if (value && !value->empty()) last = name;
    return value;
  };
  const holdfast::environment without_exceptions = [&](std::string_view name) {
    return name == "no_proxy" || name == "NO_PROXY" ? std::nullopt : real(name);
  };
  const auto choose = [&](const holdfast::environment& variables) {
    return holdfast::choose_proxy(given.proxy, target.secure, target.host, target.port, variables);
  };
  const auto warning =
      holdfast::environment_problem(given.proxy, target.secure, target.host, target.port, real);
  if (!warning.empty()) report("proxy", warning, colour::bad);
  const auto chosen = choose(noting);
  if (!chosen)
    return report("proxy", choose(without_exceptions) ? "none, because NO_PROXY lists the server" : "none");
  if (!given.proxy.url.empty()) return report("proxy", without_password(*chosen) + ", as asked for");
  report("proxy", without_password(*chosen) + ", because the variable " + last + " says so");
  given.proxy.url = *real(last);
}

class examination {
 public:
  explicit examination(holdfast::options given) : conn_(io_, observed(std::move(given))) {}

  int run() {
    net::signal_set signals(io_, SIGINT, SIGTERM);
    signals.async_wait([&](auto...) { conn_.close(); });
    net::co_spawn(io_, follow(), net::detached);
    conn_.run([&](auto) { signals.cancel(); });
    io_.run();
    return status_;
  }

 private:
  holdfast::options observed(holdfast::options given) {
    given.log = [](holdfast::log_level level, std::string_view line) {
      if (level != holdfast::log_level::debug) report("note", line);  // the steps are told by ourselves
    };
    const holdfast::connection checked(io_, given);  // throws for a file that cannot be used
    given.tls = {.verify = given.tls.verify,
                 .server_name = given.tls.server_name,
                 .context = observed_context(given.tls),
                 .resume_sessions = false};  // so that the certificates are shown
    given.network = observed_network();
    return given;
  }

  // Ends with the first attempt.
  net::awaitable<void> follow() {
    auto watch = conn_.watch();
    for (;;) {
      const auto change = co_await watch.next_state();
      if (change.to == connection_state::connecting) continue;
      if (change.to == connection_state::connected) {
        tell_upgrade(change);
        co_await measure();
      } else if (change.reason.error) {
        tell_failure(change);
      }
      conn_.close();
      co_return;
    }
  }

  net::awaitable<void> measure() {
    const auto [ec, time] = co_await conn_.ping(net::as_tuple(net::use_awaitable));
    if (ec) {
      report("round trip", ec.message(), colour::bad);
      report("verdict", "it connects, but the server answered no ping", colour::bad);
    } else {
      report("round trip", duration_text(time));
      report("verdict", "it works", colour::good);
      status_ = ended_well;
    }
  }

  static void tell_upgrade(const holdfast::state_change& change) {
    report("upgrade",
           "HTTP 101 of " + change.origin + " at " + change.peer +
               (change.subprotocol.empty() ? ", no subprotocol" : ", subprotocol " + change.subprotocol));
    for (const auto& [name, value] : change.headers) {
      auto line = name;
      report("  header", line.append(": ").append(value));
    }
  }

  // The retry policy of the options has decided what a program would do.
  static void tell_failure(const holdfast::state_change& change) {
    report("wrong", describe(change.reason), colour::bad);
    report("what to do", advice(change.reason, change.origin.starts_with("wss:")));
    report("a program", (change.retry_in ? "would try again after " + duration_text(*change.retry_in)
                                         : std::string("would not try again")) +
                            " [" + change.rule + "]");
  }

  net::io_context io_{1};
  holdfast::connection conn_;
  int status_ = failed;
};

}  // namespace

int doctor(arguments words) {
  const auto [given, is_answered] = parse(words, doctor_arguments(), "url");
  if (is_answered) return ended_well;
  auto options = make_options(given);
  validate(options);
  if (!options.endpoints.further_urls.empty()) throw usage_error("--also: doctor examines one URL at a time");
  report("url", to_origin(holdfast::read_url(options.url).to));
  choose_way(options);
  return examination(std::move(options)).run();
}

}  // namespace tool
