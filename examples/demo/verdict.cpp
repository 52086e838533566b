// The demo's check of itself. One learns which transitions each kind of loss gives, and by which rule of
// the retry policy the connection comes back.
#include "verdict.hpp"

#include <algorithm>
#include <chrono>

using namespace std::chrono_literals;

namespace {

using holdfast::connection_state;
using holdfast::error;
using holdfast::error_code;
using holdfast::observed_change;

struct expectation {
  connection_state to;
  error_code why{};
  std::string rule{};
  unsigned code = 0;  // of the close frame or of HTTP
};

const std::vector<expectation>& expected() {
  constexpr auto connecting = connection_state::connecting, connected = connection_state::connected,
                 disconnected = connection_state::disconnected;
  static const std::vector<expectation> all{
      {connecting},
      {connected},
      {disconnected, error::connection_lost, "after-stable-session"},
      {connecting},
      {connected},
      {disconnected, error::liveness_lost, "after-stable-session"},
      {connecting},
      {connected},
      {disconnected, error::connection_lost, "after-stable-session"},  // and then refusals: see below
      {connecting},
      {connected},
      {disconnected, error::closed_by_peer, "service-restart", 1012},
      {connecting},
      {disconnected, error::upgrade_refused, "backoff+retry-after", 503},
      {connecting},
      {connected},
      {disconnected, error::closed},
  };
  return all;
}

bool is_refusal(const observed_change& change) {
  return change.reason.error == boost::asio::error::connection_refused && change.rule == "backoff" &&
         change.session == 3;
}

// How many attempts are refused depends on the jitter, so they are left out, each with its attempt.
std::vector<observed_change> without_refusals(const std::vector<observed_change>& changes) {
  std::vector<observed_change> out;
  for (const auto& each : changes) {
    if (is_refusal(each) && !out.empty()) {
      out.pop_back();
    } else {
      out.push_back(each);
    }
  }
  return out;
}

bool matches(const expectation& wanted, const observed_change& change) {
  // The kernel calls it a reset if bytes were under way when the server dropped the connection.
  const bool reset =
      wanted.why == error::connection_lost && change.reason.error == boost::asio::error::connection_reset;
  return change.to == wanted.to && (change.reason.error == wanted.why || reset) &&
         change.rule == wanted.rule && change.reason.close_code + change.reason.http_status == wanted.code &&
         change.missed == 0;
}

std::string to_text(const expectation& wanted) {
  std::string out(to_string(wanted.to));
  if (wanted.why) out += " (" + wanted.why.message() + ')';
  if (wanted.code != 0) out += ", code " + std::to_string(wanted.code);
  return wanted.rule.empty() ? out : out + " [" + wanted.rule + ']';
}

bool same(const observed_change& a, const observed_change& b) {
  return a.sequence == b.sequence && a.missed == b.missed && a.from == b.from && a.time == b.time &&
         a.attempt == b.attempt && a.session == b.session && describe(a) == describe(b);
}

void check_states(const std::vector<observed_change>& watched, std::vector<std::string>& problems) {
  const auto changes = without_refusals(watched);
  if (changes.size() == watched.size())
    problems.emplace_back("no attempt was refused while the port was shut");
  for (std::size_t i = 0; i != std::max(changes.size(), expected().size()); ++i) {
    const bool right = i < changes.size() && i < expected().size() && matches(expected()[i], changes[i]);
    if (right) continue;
    problems.push_back("expected " +
                       (i < expected().size() ? to_text(expected()[i]) : "no further transition") +
                       ", but saw " + (i < changes.size() ? describe(changes[i]) : "nothing"));
    return;  // what follows would only be shifted
  }
}

// Nothing but sessions that follow each other without a break.
bool was_moved(const std::vector<observed_change>& states) {
  return states.size() >= 3 && states.front().to == connection_state::connecting &&
         std::all_of(states.begin() + 1, states.end(),
                     [](const auto& each) { return each.to == connection_state::connected; });
}

}  // namespace

bool observers_agree(const report& seen) { return std::ranges::equal(seen.heard, seen.watched, same); }

std::vector<std::string> find_problems(const report& seen, const holdfast::options& given) {
  std::vector<std::string> problems;
  const auto require = [&](bool fact, const char* otherwise) {
    if (!fact) problems.emplace_back(otherwise);
  };
  check_states(seen.watched, problems);
  require(observers_agree(seen), "the listener and the watcher saw different transitions");
  require(seen.messages_sent != 0 && seen.messages_echoed == seen.messages_sent, "a message was not echoed");
  const auto promised = given.heartbeat.ping_interval + given.heartbeat.pong_deadline;
  require(seen.silence_noticed && *seen.silence_noticed <= promised + 1s,  // if the machine has other work
          "a silent server was noticed later than promised");
  require(seen.sent_offline && seen.sent_offline->outcome == holdfast::delivery::not_sent &&
              seen.sent_offline->reason == error::no_connection,
          "a message sent without a connection was not reported as not sent");
  require(seen.close_took && *seen.close_took <= given.close_timeout,
          "close() did not end within close_timeout");
  require(!seen.chat.said.empty() && seen.chat.heard == seen.chat.said,
          "Bob did not hear each of Ann's lines once and in order, or one was not acknowledged");
  require(was_moved(seen.chat.states), "Ann's connection did not move to another socket, or was interrupted");
  require(seen.code_at_close == 1000, "the server did not receive a close frame with code 1000");
  return problems;
}
