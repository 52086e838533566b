// holdfast watch: a coroutine for each concern, and an orderly end at Ctrl-C.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "output.hpp"

import holdfast;

namespace tool {
namespace {

namespace net = boost::asio;
using holdfast::connection_state;
using strings = std::vector<std::string>;

constexpr std::size_t close_text_most_bytes = 123;  // RFC 6455 section 5.5, less the code

struct watch_settings {
  holdfast::options options;
  strings greetings{};  // sent at each connection
  bool reads_stdin = true;
  bool json = false;
  bool traces = false;
  std::string close_text{};  // for the server, at Ctrl-C
};

colour colour_of(connection_state state) {
  switch (state) {
    case connection_state::connected:
      return colour::good;
    case connection_state::disconnected:
      return colour::bad;
    default:
      return colour::busy;
  }
}

// On one line, and so that it cannot steer the terminal; --json has the text as it is.
std::string shown(std::string_view text) { return holdfast::one_line(text, text.size()); }

// Each record as a line, but for states, which are printed in their turn.
holdfast::options traced(holdfast::options given) {
  given.trace = [](const holdfast::log_record& one) {
    if (one.event != "state") print_json(one.event, one.fields);
  };
  return given;
}

class watcher {
 public:
  explicit watcher(const watch_settings& given)
      : given_(given), conn_(io_, given.traces ? traced(given.options) : given.options) {}

  int run() {
    stop_signals_.async_wait([this](holdfast::error_code ec, int) {
      stop_signals_.clear();  // so the next one ends us at once
      if (!ec) conn_.close(holdfast::close_reason{.text = given_.close_text});
    });
    net::co_spawn(io_, show_states(), net::detached);
    net::co_spawn(io_, measure_when_asked(), net::bind_cancellation_slot(stop_asking_.slot(), net::detached));
    if (given_.options.receive_messages) net::co_spawn(io_, show_messages(), net::detached);
    if (given_.reads_stdin)
      net::co_spawn(io_, send_lines(), net::bind_cancellation_slot(stop_reading_.slot(), net::detached));
    if (given_.traces)
      net::co_spawn(io_, print_numbers(), net::bind_cancellation_slot(stop_numbers_.slot(), net::detached));
    conn_.run([this](holdfast::error_code reason) {
      if (reason) status_ = failed;  // it has given up, and nobody asked for that
      stop_signals_.cancel();
      stop_reading_.emit(net::cancellation_type::terminal);
      stop_asking_.emit(net::cancellation_type::terminal);
      stop_numbers_.emit(net::cancellation_type::terminal);
    });
    io_.run();
    return status_;
  }

 private:
  net::awaitable<void> show_states() {
    auto watch = conn_.watch();
    for (std::uint64_t greeted = 0;;) {
      const auto change = co_await watch.next_state();
      show(change);
      if (change.to != connection_state::connected || change.session == greeted) continue;
      greeted = change.session;  // not again when a throttle ends
      for (const auto& each : given_.greetings) {
        conn_.send(each, [this, each](const holdfast::send_result& sent) { tell_fate(each, sent); });
      }
    }
  }

  void show(const holdfast::state_change& change) {
    if (given_.json) return print_json("state", to_json(change));
    auto line = describe(change);
    if (change.to == connection_state::connected && !change.subprotocol.empty())
      line += ", subprotocol " + shown(change.subprotocol);
    print_event(line, colour_of(change.to));
  }

  // For a picture, see plot.cpp.
  net::awaitable<void> print_numbers() {
    net::steady_timer pause(io_);
    for (holdfast::error_code stopped; !stopped;) {
      auto sample = to_json(conn_.stats());
      sample["outbound_bytes"] = given_.options.limits.outbound_bytes;
      sample["inbound_messages"] = given_.options.limits.inbound_messages;
      print_json("sample", std::move(sample));
      pause.expires_after(std::chrono::seconds(1));
      std::tie(stopped) = co_await pause.async_wait(net::as_tuple(net::use_awaitable));
    }
  }

  net::awaitable<void> show_messages() {
    for (;;) {
      const auto got = co_await conn_.receive();
      const bool text = got.kind == holdfast::message_kind::text;
      if (given_.json) {
        print_json("message", message_json(got));
      } else {
        print_event(text ? "< " + shown(got.payload)
                         : "< " + std::to_string(got.payload.size()) + " bytes, binary");
      }
    }
  }

  static boost::json::object message_json(const holdfast::message& got) {
    if (got.kind == holdfast::message_kind::text) return {{"kind", "text"}, {"payload", got.payload}};
    std::string hex;
    for (const char each : got.payload) {
      const auto byte = static_cast<unsigned char>(each);
      constexpr std::string_view digits = "0123456789abcdef";
      hex += digits[byte >> 4U];
      hex += digits[byte & 15U];
    }
    return {{"kind", "binary"}, {"hex", hex}};
  }

  // One line after the other: a line that is read while there is no connection waits for one, and those
  // behind it stay where they come from.
  net::awaitable<void> send_lines() {
    // Opened anew: Asio makes it non-blocking, which a terminal's stdin would share with its stdout.
    net::posix::stream_descriptor input(io_, ::open("/dev/stdin", O_RDONLY));
    for (std::string lines;;) {
      const auto [end, size] = co_await net::async_read_until(input, net::dynamic_buffer(lines), '\n',
                                                              net::as_tuple(net::use_awaitable));
      if (end && lines.empty()) co_return;
      const auto line = lines.substr(0, end ? lines.size() : size - 1);
      const auto sent = co_await conn_.send(line, {.when_offline = holdfast::offline_rule::wait});
      tell_fate(line, sent);
      if (end) co_return;
      lines.erase(0, size);
    }
  }

  void tell_fate(const std::string& text, const holdfast::send_result& sent) const {
    if (given_.json) {
      boost::json::object fate{{"payload", text}, {"outcome", to_string(sent.outcome)}};
      if (!sent.ok()) fate["reason"] = sent.reason.message();
      return print_json("sent", std::move(fate));
    }
    const auto outcome = std::string(to_string(sent.outcome));
    if (!sent.ok()) return print_event(outcome + ": " + sent.reason.message(), colour::bad);
    print_event("> " + shown(text) + "  " + outcome, colour::quiet);
  }

  // kill -USR1
  net::awaitable<void> measure_when_asked() {
    net::signal_set asked(io_, SIGUSR1);
    for (;;) {
      const auto [stopped, number] = co_await asked.async_wait(net::as_tuple(net::use_awaitable));
      if (stopped) co_return;
      const auto [ec, time] = co_await conn_.ping(net::as_tuple(net::use_awaitable));
      const auto text = ec ? "no round trip: " + ec.message() : "round trip " + duration_text(time);
      if (!given_.json) {
        print_event(text, colour::quiet);
      } else if (!ec && !given_.traces) {
        boost::json::object measured;
        measured["seconds"] = std::chrono::duration<double>(time).count();
        print_json("round_trip", std::move(measured));
      }
    }
  }

  const watch_settings& given_;
  net::io_context io_{1};
  holdfast::connection conn_;
  net::signal_set stop_signals_{io_, SIGINT, SIGTERM};
  net::cancellation_signal stop_reading_;
  net::cancellation_signal stop_asking_;
  net::cancellation_signal stop_numbers_;
  int status_ = ended_well;
};

po::options_description watch_arguments() {
  po::options_description out(
      "usage: holdfast watch URL [OPTION]...\n"
      "Prints the states and messages of a WebSocket connection until Ctrl-C. Sends each line of standard "
      "input, and reports\n"
      "what became of it. During an outage a line waits for the next session. SIGUSR1 measures the round "
      "trip",
      100);
  // clang-format off
  out.add_options()
      ("send", po::value<strings>()->value_name("TEXT"), "send this text after each connect; may be repeated")
      ("no-stdin", "do not read standard input")
      ("json", "print a JSON object for each event")
      ("trace", "with --json: also each step of a dial, round trips, and the numbers of each second, for holdfast plot")
      ("once", "connect once: the end of the first attempt or session ends the program")
      ("no-messages", "discard the messages of the server")
      ("invalid-text", po::value<std::string>()->value_name("RULE"), "text that is not UTF-8: strict (ends the session, the default), replace or binary")
      ("close-text", po::value<std::string>()->value_name("TEXT"), "text of the close frame that is sent at Ctrl-C")
      ("help,h", "print this");
  // clang-format on
  out.add(connection_arguments());
  return out;
}

// A job in the background that reads from its terminal would be stopped.
bool is_in_background() { return isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) != getpgrp(); }

}  // namespace

int watch(arguments words) {
  const auto [given, is_answered] = parse(words, watch_arguments(), "url");
  if (is_answered) return ended_well;
  watch_settings settings{.options = make_options(given)};
  settings.greetings = get(given, "send", strings{});
  settings.reads_stdin = given.count("no-stdin") == 0 && !is_in_background();
  settings.json = given.count("json") != 0;
  settings.traces = given.count("trace") != 0;
  if (settings.traces && !settings.json) throw usage_error("--trace needs --json");
  settings.close_text = get(given, "close-text", std::string{});
  if (settings.close_text.size() > close_text_most_bytes)
    throw usage_error("--close-text must not be longer than 123 bytes");
  return watcher(settings).run();
}

}  // namespace tool
