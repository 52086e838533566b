// holdfast top: asks a status server again and again, and shows its connections.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <boost/program_options.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.hpp"
#include "command.hpp"
#include "output.hpp"

import holdfast;

namespace tool {
namespace {

namespace net = boost::asio;
namespace json = boost::json;

constexpr double most_number = 1e9;           // a server may say anything; of seconds, thirty years
constexpr std::size_t most_bytes = 64 << 20;  // some 50,000 connections
constexpr std::array<std::string_view, 4> order{"disconnected", "connecting", "featureThrottled",
                                                "connected"};

struct screen {
  std::size_t rows = 1'000'000;
  std::size_t columns = 160;
  bool is_terminal = false;
};

screen screen_of_stdout() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 4)
    return {};
  return {.rows = size.ws_row, .columns = size.ws_col, .is_terminal = true};
}

std::string text_in(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  const auto* text = found != nullptr ? found->if_string() : nullptr;
  return text != nullptr ? holdfast::one_line({text->data(), text->size()}, 300) : std::string();
}

double number_in(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  if (found == nullptr) return 0;
  holdfast::error_code failed;
  const auto value = found->to_number<double>(failed);
  return failed ? 0 : std::clamp(value, 0.0, most_number);
}

std::string span_in(const json::object& from, std::string_view name) {
  if (!from.contains(name)) return "-";
  const auto seconds = number_in(from, name);
  if (seconds >= 3600) return std::to_string(static_cast<unsigned long long>(seconds / 60)) + " min";
  return duration_text(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds)));
}

std::size_t rank_of(const json::object& one) {
  return static_cast<std::size_t>(std::ranges::find(order, text_in(one, "state")) - order.begin());
}

// What the server has answered, the troubled connections first.
std::vector<json::object> read_status(const std::string& body) {
  holdfast::error_code failed;
  const auto read = json::parse(body, failed);
  if (failed || !read.is_array()) throw std::runtime_error("the answer is no JSON array of connections");
  std::vector<json::object> out;
  for (const auto& each : read.get_array()) {
    if (!each.is_object()) throw std::runtime_error("the answer is no JSON array of objects");
    out.push_back(each.get_object());
  }
  std::ranges::sort(out, {},
                    [](const json::object& one) { return std::pair(rank_of(one), number_in(one, "id")); });
  return out;
}

std::string summary_of(const std::vector<json::object>& all) {
  std::string out = std::to_string(all.size()) + (all.size() == 1 ? " connection" : " connections");
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto count = std::ranges::count(all, i, rank_of);
    if (count != 0) out.append(", ").append(std::to_string(count)).append(1, ' ').append(order[i]);
  }
  return out;
}

std::string row(std::string_view id, std::string_view state, std::string_view origin, std::string_view since,
                std::string_view round_trip, std::string_view sessions, std::string_view usable,
                std::string_view said) {
  std::array<char, 400> text{};
  const auto cut = [](std::string_view whole, std::size_t most) {
    return static_cast<int>(holdfast::cut_at_character(whole, most).size());
  };
  std::snprintf(text.data(), text.size(), "%4.*s  %-16.*s  %-30.*s  %9.*s  %9.*s  %8.*s  %7.*s  %.*s",
                cut(id, 4), id.data(), cut(state, 16), state.data(), cut(origin, 30), origin.data(),
                cut(since, 9), since.data(), cut(round_trip, 9), round_trip.data(), cut(sessions, 8),
                sessions.data(), cut(usable, 7), usable.data(), cut(said, 250), said.data());
  return text.data();
}

std::string row_of(const json::object& one) {
  std::array<char, 16> usable{};
  std::snprintf(usable.data(), usable.size(), "%.1f %%", 100 * number_in(one, "connected_share"));
  const auto id = std::to_string(static_cast<unsigned long long>(number_in(one, "id")));
  const auto sessions = std::to_string(static_cast<unsigned long long>(number_in(one, "sessions")));
  return row(id, text_in(one, "state"), text_in(one, "origin"), span_in(one, "for"),
             span_in(one, "last_round_trip"), sessions, usable.data(), text_in(one, "said"));
}

colour colour_of(const json::object& one) {
  constexpr std::array shades{colour::bad, colour::busy, colour::busy, colour::good, colour::none};
  return shades[rank_of(one)];
}

void show(const std::vector<json::object>& all, const screen& where) {
  if (where.is_terminal) std::cout << "\x1b[H\x1b[2J";
  print(summary_of(all));
  print(row("#", "state", "origin", "for", "trip", "sessions", "usable", "").substr(0, where.columns),
        colour::quiet);
  std::size_t left = where.rows - std::min<std::size_t>(where.rows, 4);
  for (const auto& each : all) {
    if (left-- == 0) return print("…", colour::quiet);
    print(holdfast::cut_at_character(row_of(each), where.columns), colour_of(each));
  }
}

net::awaitable<std::vector<json::object>> ask(const std::string& url) {
  holdfast::http_request asked{.url = url, .limit = most_bytes};
  holdfast::options how{.log_to_clog = false};
  const auto answer = co_await holdfast::http_fetch(std::move(asked), std::move(how));
  if (answer.status != 200)
    throw std::runtime_error("the server answers HTTP " + std::to_string(answer.status));
  co_return read_status(answer.body);
}

// Once: what fails is the end. Else it is shown, and the server is asked again.
net::awaitable<void> watch_status(const std::string& url, bool once, int& status) {
  for (net::steady_timer pause(co_await net::this_coro::executor);;) {
    std::string problem;
    try {
      const auto all = co_await ask(url);
      show(all, screen_of_stdout());
    } catch (const boost::system::system_error& wrong) {
      problem = wrong.code().message();
    } catch (const std::runtime_error& wrong) {
      problem = wrong.what();
    }
    if (!problem.empty()) say(url + ": " + problem);
    status = problem.empty() ? ended_well : failed;
    if (once) co_return;
    pause.expires_after(std::chrono::seconds(1));
    co_await pause.async_wait(net::use_awaitable);
  }
}

po::options_description top_arguments() {
  po::options_description out(
      "usage: holdfast top [URL] [OPTION]...\n"
      "Shows the connections that a status server reports, such as examples/status_server, every second "
      "until "
      "Ctrl-C.\nURL: of the JSON, http://127.0.0.1:9464/status unless it is given",
      100);
  out.add_options()("once", "show them once, and end; exit status 1 if the server cannot be asked")  //
      ("help,h", "print this");
  return out;
}

}  // namespace

int top(arguments words) {
  const auto [given, is_answered] = parse(words, top_arguments(), "url");
  if (is_answered) return ended_well;
  const auto url = get(given, "url", std::string("http://127.0.0.1:9464/status"));
  int status = ended_well;
  net::io_context io(1);
  net::signal_set stop(io, SIGINT, SIGTERM);
  stop.async_wait([&io](holdfast::error_code ec, int) {
    if (!ec) io.stop();
  });
  net::co_spawn(io, watch_status(url, given.count("once") != 0, status),
                [&](const std::exception_ptr& thrown) {
                  stop.cancel();
                  if (thrown) std::rethrow_exception(thrown);
                });
  io.run();
  return status;
}

}  // namespace tool
