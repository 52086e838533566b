// The snippets of the documents, each as it stands there but for its indentation (tests/documents_test.py).
#include <boost/json.hpp>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(snippets)

namespace {

// What the snippets call, one line for each call.
std::vector<std::string> shown;
void show(std::string_view what) { shown.emplace_back(what); }
void subscribe(std::uint64_t session) { shown.push_back("subscribe in " + std::to_string(session)); }
void fetch_history(std::uint64_t from, std::uint64_t to) {
  shown.push_back("fetch " + std::to_string(from) + " to " + std::to_string(to));
}
void disable(const std::string& feature, const std::optional<clock::time_point>& until) {
  shown.push_back("disable " + feature + (until ? " for a time" : ""));
}

// docs/states.md

void listen_to_prices(connection& conn, const net::any_io_executor& ui) {
  holdfast::connection_listener prices;
  prices.on_session = [](const holdfast::observed_change& change) { subscribe(change.session); };
  prices.on_disconnected = [](const holdfast::observed_change& change) { show(describe(change)); };
  conn.add_connection_listener("prices", prices, {.executor = ui});
}

void follow(const holdfast::state_change& change) {
  if (const std::optional<holdfast::message_gap>& gap = change.gap) fetch_history(gap->from, gap->to);
  for (const holdfast::throttled_feature& each : change.features) disable(each.name, each.until);
}

std::string advice(holdfast::error_code ec) {
  if (ec == holdfast::error::liveness_lost) return "the peer fell silent";
  if (ec == net::error::connection_refused) return "nothing listens at that port";
  if (ec == holdfast::condition::auth) return "log in again";
  if (ec.category() == holdfast::error_category()) return "holdfast: " + ec.message();
  return "Asio or the system: " + ec.message();
}

// docs/messages.md

net::awaitable<void> send_patiently(connection& conn, std::string text) {
  const auto sent =
      co_await conn.send(text, {.when_offline = holdfast::offline_rule::wait, .time_to_live = 1min});
  show(to_string(sent.outcome));
}

void send_line(connection& conn, const std::string& line) {
  const bool is_text = holdfast::is_valid_utf8(line);
  conn.send(line, {.kind = is_text ? holdfast::message_kind::text : holdfast::message_kind::binary},
            net::detached);
}

void close_because(connection& conn, std::string_view why) {
  conn.close({.code = 1001, .text = std::string(holdfast::cut_at_character(why, 123))});
}

void print_messages(connection& conn) {
  conn.set_message_handler([](const holdfast::message_view& one) { std::cout << one.payload << '\n'; });
}

net::awaitable<void> show_batch(connection& conn, std::vector<message>& kept) {
  auto batch = co_await conn.receive_batch();
  for (const auto each : batch) show(each.payload);
  kept.push_back(batch.pop_front());
}

void show_json(connection& conn) {
  conn.set_message_handler([](const holdfast::message_view& one) {
    const auto event = holdfast::read_json({.payload = std::string(one.payload)});
    show(event.problem.empty() ? holdfast::to_text(event.value) : event.problem);
  });
}

// In a program these are parts of two coroutines.
net::awaitable<void> subscribe_once(connection& conn, state_change change, std::uint64_t subscribed_in) {
  // In the coroutine that follows the states. The end of a throttle is published as `connected`, too.
  if (change.to == holdfast::connection_state::connected && change.session > subscribed_in) {
    subscribed_in = change.session;
    conn.send(R"({"subscribe": "prices"})", net::detached);
  }
  // In the one that receives.
  const auto message = co_await conn.receive();
  if (message.session >= subscribed_in) show(message.payload);
}

// docs/performance.md

net::awaitable<void> send_all(connection& conn, std::vector<std::string> readings) {
  for (std::size_t i = 1; i <= readings.size(); ++i) {
    if (i % 512 == 0) {
      const auto sent = co_await conn.send(readings[i - 1]);  // completes when the socket has taken it
      if (!sent.ok()) co_return;
    } else {
      conn.send(readings[i - 1], net::detached);
    }
  }
}

// A connection to a server that echoes.
struct echo_scenario : scenario {
  echo_scenario() {
    shown.clear();
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_listener_that_is_made_in_one_place_is_called) {
  echo_scenario s;
  listen_to_prices(*s.conn, s.in.executor());
  s.in.run_for(1min);
  s.in.network()->reset_links();
  s.in.run_for(1min);
  BOOST_REQUIRE(shown.size() == 2U);
  BOOST_TEST(shown.front().starts_with("disconnected"));
  BOOST_TEST(shown.back() == "subscribe in 2");
}

BOOST_AUTO_TEST_CASE(a_gap_and_throttled_features_are_read_from_a_transition) {
  shown.clear();
  follow({.gap = message_gap{.from = 3, .to = 7}});
  follow({.features = {{.name = "typing", .until = clock::now()}, {.name = "search"}}});
  BOOST_TEST(
      (shown == std::vector<std::string>{"fetch 3 to 7", "disable typing for a time", "disable search"}));
}

BOOST_AUTO_TEST_CASE(an_error_code_is_compared_with_values_and_classes) {
  BOOST_TEST(advice(error::liveness_lost) == "the peer fell silent");
  BOOST_TEST(advice(net::error::connection_refused) == "nothing listens at that port");
  BOOST_TEST(advice(error::unauthorized) == "log in again");
  BOOST_TEST(advice(error::closed).starts_with("holdfast: "));
  BOOST_TEST(advice(net::error::connection_reset).starts_with("Asio or the system: "));
  BOOST_TEST((make_error_code(error::closed) == make_error_condition(condition::fatal)));
  BOOST_TEST((make_error_condition(condition::fatal).category() == condition_category()));
}

BOOST_AUTO_TEST_CASE(a_message_waits_for_a_session) {
  shown.clear();
  scenario s;
  s.start();
  s.in.spawn(send_patiently(*s.conn, "hello"));
  s.in.run_for(1s);
  BOOST_TEST((shown == std::vector<std::string>{"written"}));
}

BOOST_AUTO_TEST_CASE(a_line_is_sent_as_what_it_is_and_a_long_reason_is_cut) {
  std::vector<message> got;
  unsigned close_code = 0;
  scenario s;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    while (auto next = co_await session.receive()) got.push_back(std::move(*next));
    close_code = session.close_code();
  });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  send_line(*s.conn, "text");
  send_line(*s.conn, "\xff");
  s.in.run_for(1s);
  BOOST_REQUIRE(got.size() == 2U);
  BOOST_TEST((got.front().kind == message_kind::text));
  BOOST_TEST((got.back().kind == message_kind::binary));
  close_because(*s.conn, std::string(122, 'x') + "ä");
  s.in.run_for(1s);
  BOOST_TEST(close_code == 1001U);
}

BOOST_AUTO_TEST_CASE(messages_are_received_in_a_batch_as_json_and_one_by_one) {
  echo_scenario s;
  std::vector<message> kept;
  s.conn->send("one", net::detached);
  s.conn->send("two", net::detached);
  s.in.run_for(1s);
  s.in.spawn(show_batch(*s.conn, kept));
  s.in.run_for(1s);
  BOOST_TEST((shown == std::vector<std::string>{"one", "two"}));
  BOOST_REQUIRE(kept.size() == 1U);
  BOOST_TEST(kept.front().payload == "one");

  shown.clear();
  show_json(*s.conn);
  s.conn->send(R"( {"n": 1} )", net::detached);
  s.conn->send("none", net::detached);
  s.in.run_for(1s);
  BOOST_REQUIRE(shown.size() == 2U);
  BOOST_TEST(shown.front() == R"({"n":1})");
  BOOST_TEST(shown.back().starts_with("not one JSON text"));

  print_messages(*s.conn);
  s.conn->send("printed by a snippet", net::detached);
  s.in.run_for(1s);
}

BOOST_AUTO_TEST_CASE(each_session_subscribes_once) {
  echo_scenario s;
  s.in.spawn(subscribe_once(*s.conn, s.conn->snapshot(), 0));
  s.in.run_for(1s);
  BOOST_TEST((shown == std::vector<std::string>{R"({"subscribe": "prices"})"}));
}

BOOST_AUTO_TEST_CASE(a_burst_stays_below_the_outbound_limit) {
  std::size_t received = 0;
  scenario s;
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    while (const auto next = co_await session.receive()) ++received;
  });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.spawn(send_all(*s.conn, std::vector<std::string>(5000, "21.5")));
  s.in.run_for(1min);
  BOOST_TEST(received == 5000U);
}

BOOST_AUTO_TEST_CASE(options_are_given_by_name) {
  net::io_context io;
  using namespace std::chrono_literals;

  holdfast::connection conn(io, {.url = "wss://chat.example.org/",
                                 .retry = {.cap = 10s},
                                 .heartbeat = {.ping_interval = 10s, .pong_deadline = 5s},
                                 .limits = {.message_bytes = 64 << 20}});
  BOOST_TEST((conn.status() == connection_state::disconnected));
}

BOOST_AUTO_TEST_CASE(a_retry_policy_is_edited) {
  holdfast::options given{.url = "ws://127.0.0.1:8080/"};
  given.retry.base = 1s;
  given.retry.cap = 10s;
  given.retry.attempt_limit = 6;
  given.retry.rules.insert(given.retry.rules.begin(),
                           {.name = "banned", .delay = holdfast::retry_delay::never, .close_codes = {4003}});

  const holdfast::attempt_record server_is_down{.reason = {.at = holdfast::stage::connect}};
  for (const holdfast::schedule_entry& each : explain(given.retry, server_is_down, 50)) {
    if (each.latest > 10s) throw std::logic_error(each.rule + " waits for too long");
  }
  BOOST_TEST(describe(explain(given.retry, server_is_down, 50)) ==
             "after attempt 1: 0.50 s to 1.00 s  [backoff]\n"
             "after attempt 2: 0.50 s to 2.00 s  [backoff]\n"
             "after attempt 3: 0.50 s to 4.00 s  [backoff]\n"
             "after attempt 4: 0.50 s to 8.00 s  [backoff]\n"
             "after attempt 5: 0.50 s to 10.00 s  [backoff]\n"
             "after attempt 6: stop  [attempt-limit]\n");
  const attempt_record banned{.reason = {.at = stage::session, .close_code = 4003}, .session_length = 1h};
  BOOST_TEST(describe(explain(given.retry, banned, 50)) == "after attempt 1: stop  [banned]\n");

  given.retry.rules.insert(
      given.retry.rules.begin(),
      {.name = "token-expired", .delay = holdfast::retry_delay::refresh, .close_codes = {4001}});
  const attempt_record expired{.reason = {.at = stage::session, .close_code = 4001}, .may_refresh = true};
  BOOST_TEST(explain(given.retry, expired, 1).front().rule == "token-expired");

  for (auto& rule : given.retry.rules) {
    if (rule.name == "fatal-close-code") std::erase(rule.close_codes, 1009);
  }
  const attempt_record too_big{.reason = {.at = stage::session, .close_code = 1009}, .session_length = 1h};
  BOOST_TEST(explain(given.retry, too_big, 1).front().rule == "after-stable-session");

  given.retry.decide = [](const holdfast::attempt_record& record,
                          const holdfast::retry_decision& table) -> holdfast::retry_decision {
    if (record.reason.at == holdfast::stage::resolve) return {.retry_in = 3s, .rule = "dns"};
    return table;
  };
  const attempt_record no_name{.reason = {.at = stage::resolve}};
  BOOST_TEST(explain(given.retry, no_name, 1).front().rule == "dns");
  validate(given);
}

BOOST_AUTO_TEST_SUITE_END()
