// ./dev demo: a server that misbehaves in five ways, and a connection that comes back each time. One sees
// every transition as two observers see it, and the demo fails if one of them is not what it should be.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "story.hpp"
#include "verdict.hpp"

namespace {

using holdfast::clock;
using holdfast::connection_state;

constexpr std::string_view help =
    "demo [--plain] [--timeline FILE]\nA server in this process misbehaves, and the connection to it "
    "recovers each time.\n"
    "  --plain           no colours (the default if the output is not a terminal)\n"
    "  --timeline FILE   writes a page with a picture of what the connection has lived through\n"
    "Exits with 0 if every transition was as expected, else with 1.\n";

bool is_colour_terminal() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb" &&
         std::getenv("NO_COLOR") == nullptr;
}

clock::duration longest_outage(const std::vector<holdfast::observed_change>& changes) {
  clock::duration longest{};
  std::optional<clock::time_point> lost;
  for (const auto& each : changes) {
    if (each.to == connection_state::disconnected && !lost) lost = each.time;
    if (each.to != connection_state::connected || !lost) continue;
    longest = std::max(longest, each.time - *lost);
    lost.reset();
  }
  return longest;
}

void summarise(const timeline& out, const report& seen) {
  const auto attempts =
      std::ranges::count(seen.watched, connection_state::connecting, &holdfast::state_change::to);
  const auto round_trip = std::ranges::min_element(seen.round_trips);
  out.chapter("Summary");
  out.summary("sessions", std::to_string(seen.watched.empty() ? 0 : seen.watched.back().session));
  out.summary("attempts", std::to_string(attempts));
  out.summary("messages echoed",
              std::to_string(seen.messages_echoed) + " of " + std::to_string(seen.messages_sent));
  if (round_trip != seen.round_trips.end()) out.summary("shortest round trip", to_text(*round_trip));
  out.summary("longest outage", to_text(longest_outage(seen.watched)));
  std::cout << "  listener and watcher saw the same " << seen.watched.size()
            << " transitions: " << (observers_agree(seen) ? "yes" : "no") << '\n';
}

void draw(const timeline& out, const story& of, const std::string& file) {
  std::ofstream page(file);
  page << to_html(of.history(), "holdfast demo: one connection, and a server that misbehaves");
  if (!page.flush()) throw std::runtime_error("cannot write " + file);
  out.summary("timeline", file);
}

int show(bool coloured, const std::string& page) {
  const timeline out(coloured);
  boost::asio::io_context io(1);
  story plot(io, out);
  const auto& given = plot.given();
  out.title("holdfast demo: " + plot.url() + " misbehaves, the connection recovers");
  std::cout << "Faster than the defaults: ping after " << to_text(given.heartbeat.ping_interval)
            << ", lost after " << to_text(given.heartbeat.pong_deadline) << " more; backoff from "
            << to_text(given.retry.base) << " to " << to_text(given.retry.cap) << ".\n\n seconds  state\n";
  plot.start();
  io.run_for(std::chrono::seconds(45));
  summarise(out, plot.seen());
  if (!page.empty()) draw(out, plot, page);
  std::cout << '\n';
  const auto problems = find_problems(plot.seen(), plot.given());
  for (const auto& each : problems) out.verdict(false, "WRONG: " + each);
  if (problems.empty()) out.verdict(true, "Everything was as expected.");
  return problems.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char* argv[]) try {
  bool plain = false;
  std::string page;
  const auto words = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view each = words[i];
    if (each == "--help") {
      std::cout << help;
      return 0;
    }
    if (each == "--timeline" && i + 1 < words.size()) {
      page = words[++i];
      continue;
    }
    if (each != "--plain") {
      std::cerr << "demo: unknown argument " << each << "\n" << help;
      return 2;
    }
    plain = true;
  }
  return show(!plain && is_colour_terminal(), page);
} catch (const boost::system::system_error& wrong) {
  std::cerr << "demo: " << wrong.code().message() << '\n';  // what() would add a source location
  return 1;
} catch (const std::exception& wrong) {
  std::cerr << "demo: " << wrong.what() << '\n';
  return 1;
}
