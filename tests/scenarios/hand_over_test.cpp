// Another connection, as of another process, goes on with a session: nothing is lost, and nothing comes
// twice.
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "v1.hpp"

BOOST_AUTO_TEST_SUITE(hand_over)

namespace {

struct successor : v1_scenario {
  explicit successor(std::uint64_t seed = 1) : v1_scenario(seed) {}

  // The state that the present connection leaves, once what has arrived was received.
  std::string leave() {
    std::optional<std::string> state;
    conn->export_state([&](error_code ec, std::string text) {
      BOOST_TEST(!ec);
      state = std::move(text);
    });
    BOOST_REQUIRE(in.run_until([&] { return state.has_value(); }, 1min));
    in.settle();
    return *state;
  }
  // The next connection.
  connection& go_on(const std::string& state) {
    conn.emplace(in.executor(), given);
    conn->import_state(state);
    conn->run([this](error_code ec) { run_ended = ec; });
    listen();
    return *conn;
  }
  int say(const std::string& text) {
    return say(text, [](send_result) {});
  }
  template <class Handler>
  int say(const std::string& text, Handler handler) {
    conn->send(text, {.when_offline = offline_rule::wait}, std::move(handler));
    return 1;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(another_connection_goes_on_with_events_and_messages) {
  successor s;
  s.connect();
  s.listen();
  s.at.tell("1");
  s.in.run_for(1s);
  s.at.hold_acks();
  std::optional<send_result> fate;
  s.say("\"held\"", [&](send_result how) { fate = how; });
  s.in.run_for(1s);
  const auto state = s.leave();
  BOOST_REQUIRE(fate.has_value());
  BOOST_TEST((fate->outcome == delivery::in_doubt));
  BOOST_TEST(fate->reason == make_error_code(error::handed_over));
  BOOST_TEST((s.run_ended == error_code()));
  s.at.tell("2");
  s.at.hold_acks(false);
  s.go_on(state);
  s.say("\"next\"");
  s.in.run_for(10s);
  BOOST_TEST(s.conn->snapshot().resumed);
  BOOST_TEST((s.got == texts{"1", "2"}));
  BOOST_TEST((s.said() == texts{"\"held\"", "\"next\""}));
  BOOST_TEST(s.at.violations() == texts());
  const auto hellos = s.at.hellos();
  BOOST_REQUIRE(hellos.size() == 2U);
  BOOST_TEST(hellos[0].client == hellos[1].client);
}

BOOST_AUTO_TEST_CASE(a_thousand_hand_overs_lose_nothing_and_double_nothing) {
  constexpr int times = is_sanitized ? 100 : 1'000;
  successor s(7);
  s.in.network()->conditions.latency = 5ms;
  s.connect();
  s.listen();
  texts told;
  texts sent;
  for (int i = 0; i < times; ++i) {
    for (int j = 0; j < 3; ++j) {
      told.push_back(std::to_string(told.size()));
      s.at.tell(told.back());
      sent.push_back(std::to_string(sent.size()));
      s.say(sent.back());
      if (j == i % 3) s.in.run_for(std::chrono::milliseconds(i % 11));
    }
    if (i % 5 == 0) s.at.drop_before_ack();
    if (i % 7 == 0) s.in.network()->reset_links();
    s.go_on(s.leave());
    if (i % 3 == 0) BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
  }
  s.in.run_for(1min);
  BOOST_TEST(s.at.violations() == texts());
  BOOST_REQUIRE(s.got.size() == told.size());
  BOOST_TEST((s.got == told));
  BOOST_REQUIRE(s.said().size() == sent.size());
  BOOST_TEST((s.said() == sent));
}

BOOST_AUTO_TEST_CASE(messages_that_wait_for_a_session_or_a_feature_go_along) {
  successor s;
  s.connect();
  s.at.throttle({{.name = "typing"}});
  s.in.run_for(1s);
  s.conn->send("1", {.when_throttled = throttled_rule::wait, .feature = "typing"}, net::detached);
  s.conn->send("2", {.when_throttled = throttled_rule::wait, .feature = "typing", .time_to_live = 1min},
               net::detached);
  s.in.run_for(1s);
  const auto state = s.leave();
  BOOST_TEST(s.log_lines.empty());  // nothing was lost
  s.in.run_for(1min);               // nobody has the session meanwhile
  s.conn.emplace(s.in.executor(), s.given);
  s.conn->import_state(state);
  s.in.run_for(1s);
  BOOST_TEST(s.conn->stats().messages_sent.dropped == 1U);
  s.conn->run(net::detached);
  s.in.run_for(10s);
  BOOST_TEST((s.said() == texts{"1"}));
}

BOOST_AUTO_TEST_CASE(what_is_sent_meanwhile_is_refused_and_what_has_arrived_can_be_received) {
  successor s;
  s.connect();
  s.at.tell("1");
  s.in.run_for(1s);
  std::optional<std::string> state;
  s.conn->export_state([&](error_code, std::string text) { state = std::move(text); });
  s.in.settle();
  std::optional<send_result> late;
  s.say("\"late\"", [&](send_result how) { late = how; });
  BOOST_REQUIRE(s.in.run_until([&] { return state && late; }, 1min));
  BOOST_TEST((late->outcome == delivery::not_sent));
  BOOST_TEST(late->reason == make_error_code(error::closed));
  s.listen();
  s.in.settle();
  BOOST_TEST((s.got == texts{"1"}));
  s.go_on(*state);
  s.in.run_for(10s);
  BOOST_TEST((s.got == texts{"1"}));
  BOOST_TEST(s.said() == texts());
}

BOOST_AUTO_TEST_CASE(a_connection_that_does_not_run_leaves_its_messages) {
  successor s;
  s.conn.emplace(s.in.executor(), s.given);
  s.say("1");
  const auto state = s.leave();
  s.go_on(state);
  s.in.run_for(10s);
  BOOST_TEST((s.said() == texts{"1"}));
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_answer_holds_up_no_hand_over) {
  successor s;
  s.connect();
  s.in.network()->silence_links();
  s.say("1");
  const auto before = clock::now();
  const auto state = s.leave();
  BOOST_TEST((clock::now() - before <= s.given.close_timeout));
  s.go_on(state);
  s.in.run_for(10s);
  BOOST_TEST((s.said() == texts{"1"}));
}

BOOST_AUTO_TEST_CASE(it_ends_with_an_error_if_there_is_nothing_to_hand_over) {
  successor s;
  s.connect();
  s.conn->close(net::detached);
  std::optional<error_code> ended;
  s.conn->export_state([&](error_code ec, const std::string&) { ended = ec; });
  s.in.run_for(10s);
  BOOST_TEST((ended == make_error_code(error::closed)));
  ended.reset();
  s.start();
  s.conn->export_state([&](error_code ec, const std::string&) { ended = ec; });
  s.conn.reset();
  s.in.settle();
  BOOST_TEST((ended == error_code(net::error::operation_aborted)));
}

BOOST_AUTO_TEST_CASE(a_handle_that_is_destroyed_meanwhile_leaves_no_message_without_an_answer) {
  for (const bool at_once : {true, false}) {
    successor s;
    s.connect();
    s.at.hold_acks();
    int answers = 0;
    s.say("1", [&](send_result) { ++answers; });
    s.in.run_for(1s);
    s.say("2", [&](send_result) { ++answers; });
    std::optional<error_code> ended;
    s.conn->export_state([&](error_code ec, const std::string&) { ended = ec; });
    if (!at_once) s.in.settle();
    s.conn.reset();
    s.in.run_for(10s);
    BOOST_TEST((ended == error_code(net::error::operation_aborted)));
    BOOST_TEST(answers == 2);
    const auto all = stats_of(net::query(s.in.executor(), net::execution::context)).total;
    BOOST_TEST(all.messages_sent.pending() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_second_export_that_is_cancelled_does_not_end_the_first) {
  successor s;
  s.connect();
  net::cancellation_signal stop;
  std::optional<error_code> first;
  std::optional<error_code> second;
  s.conn->export_state([&](error_code ec, const std::string&) { first = ec; });
  s.conn->export_state(
      net::bind_cancellation_slot(stop.slot(), [&](error_code ec, const std::string&) { second = ec; }));
  stop.emit(net::cancellation_type::terminal);
  s.in.run_for(10s);
  BOOST_TEST((first == error_code()));
  BOOST_TEST((second == make_error_code(error::closed)));
}

BOOST_AUTO_TEST_CASE(texts_that_are_not_utf_8_go_along_too) {
  successor s;
  s.given.protocol = {};
  s.given.subprotocols = {};
  s.conn.emplace(s.in.executor(), s.given);
  const std::string key = "\xff\x01";
  const send_options how{.when_offline = offline_rule::queue, .feature = "\xfe", .key = key};
  s.conn->send("old", how, net::detached);
  const auto state = s.leave();
  connection heir(s.in.executor(), s.given);
  heir.import_state(state);
  s.log_lines.clear();
  heir.send("new", how, net::detached);  // in place of the old one
  s.in.settle();
  BOOST_TEST(heir.stats().messages_sent.dropped == 1U);
}

BOOST_AUTO_TEST_CASE(who_gives_up_the_wait_loses_the_messages_and_is_told) {
  successor s;
  s.connect();
  s.in.network()->silence_links();
  std::optional<send_result> fate;
  s.say("1", [&](send_result how) { fate = how; });
  net::cancellation_signal stop;
  std::optional<error_code> ended;
  s.conn->export_state(
      net::bind_cancellation_slot(stop.slot(), [&](error_code ec, const std::string&) { ended = ec; }));
  s.in.settle();
  stop.emit(net::cancellation_type::terminal);
  s.in.run_for(30s);
  BOOST_TEST((ended == error_code(net::error::operation_aborted)));
  BOOST_REQUIRE(fate.has_value());
  BOOST_TEST(fate->reason == make_error_code(error::closed));
}

BOOST_AUTO_TEST_CASE(what_is_no_state_is_refused_with_the_field_that_is_wrong) {
  const std::string protocol =
      R"(,"protocol":"{\"name\":\"holdfast.v1\",\"client\":\"0123456789abcdef0123456789abcdef\"}")";
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"", "JSON"},
      {"[]", "JSON object"},
      {R"({"holdfast":2})", "holdfast: "},
      {R"({"holdfast":1,"protocol":"x"})", "protocol: "},
      {R"({"holdfast":1,"protocol":"{\"name\":\"other\"}"})", "name: "},
      {R"({"holdfast":1,"protocol":"{\"name\":\"holdfast.v1\",\"client\":\"x\"}"})", "client: "},
      {R"({"holdfast":1,"last_id":-1)" + protocol + "}", "last_id: "},
      {R"({"holdfast":1,"messages":1)" + protocol + "}", "messages: "},
      {R"({"holdfast":1,"messages":[{"text":"1","hex":"00"}])" + protocol + "}", "messages: "},
      {R"({"holdfast":1,"messages":[{"hex":"0g"}])" + protocol + "}", "messages.hex: "},
      {R"({"holdfast":1,"last_id":1,"messages":[{"id":2,"text":"1"}])" + protocol + "}", "messages.id: "},
      {R"({"holdfast":1,"messages":[{"text":"1","feature":2}])" + protocol + "}", "messages.feature: "},
  };
  successor s;
  for (const auto& [text, field] : wrong) {
    connection conn(s.in.executor(), s.given);
    BOOST_CHECK_EXCEPTION(conn.import_state(text), std::invalid_argument, [&](const auto& thrown) {
      BOOST_TEST_MESSAGE(thrown.what());
      return std::string(thrown.what()).find(field) != std::string::npos;
    });
  }
  s.given.protocol = {};
  connection plain(s.in.executor(), s.given);
  BOOST_CHECK_THROW(plain.import_state(R"({"holdfast":1)" + protocol + "}"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(without_a_protocol_the_messages_that_wait_are_all_there_is) {
  successor s;
  s.given.protocol = {};
  s.given.subprotocols = {};
  s.conn.emplace(s.in.executor(), s.given);
  const std::string bytes("\x00\xff", 2);
  s.conn->send(bytes, {.kind = message_kind::binary, .when_offline = offline_rule::wait}, net::detached);
  const auto state = s.leave();
  texts got;
  s.backend.on_upgrade([](const auto&) { return std::optional<http_answer>(); });
  s.backend.on_session([&](server_session& session) -> net::awaitable<void> {
    while (auto next = co_await session.receive()) got.push_back(next->payload);
  });
  s.go_on(state);
  s.in.run_for(10s);
  BOOST_TEST((got == texts{bytes}));
}

BOOST_AUTO_TEST_SUITE_END()
