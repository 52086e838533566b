// holdfast.v1 in a connection: a login, events that go on after a drop, messages that have their effect once.
#include <boost/json.hpp>
#include <deque>
#include <string>
#include <vector>

#include "received.hpp"

BOOST_AUTO_TEST_SUITE(v1_sessions)

namespace {

namespace json = boost::json;

// A server of the profile, as far as it matters here: one client, a buffer of events, and messages that count
// once, whatever their number of arrivals.
struct v1_server {
  explicit v1_server(scenario& s) {
    s.given.protocol = v1();
    s.given.subprotocols = {std::string(v1_subprotocol)};
    s.backend.on_upgrade([](const http_head&) {
      return std::optional(
          http_answer{.status = 101, .headers = {{"Sec-WebSocket-Protocol", std::string(v1_subprotocol)}}});
    });
    s.backend.on_session([this](server_session& session) { return serve(session); });
  }

  net::awaitable<void> serve(server_session& session) {
    while (auto next = co_await session.receive()) {
      const auto frame = json::parse(next->payload).as_object();
      const auto& type = frame.at("type").as_string();
      if (type == "hello") {
        hellos.push_back(frame);
        co_await welcome(session, frame);
      } else if (type == "message") {
        take(frame);
        if (drops_before_acknowledging-- == 1) co_return session.drop();
        co_await session.send(json::serialize(json::object{{"type", "ack"}, {"id", last_id}}));
      } else if (type == "ping") {
        co_await session.send(json::serialize(json::object{{"type", "pong"}, {"id", frame.at("id")}}));
      }
    }
  }
  net::awaitable<void> welcome(server_session& session, const json::object& hello) {
    const auto* resume = hello.if_contains("resume");
    const auto last = resume != nullptr ? resume->as_object().at("last_seq").as_int64() : 0;
    json::object ready{{"type", "ready"}, {"session", "s1"}, {"resumed", resume != nullptr}, {"seq", last}};
    if (last_id != 0) ready["last_id"] = last_id;
    co_await session.send(json::serialize(ready));
    for (auto n = last; n < static_cast<std::int64_t>(events.size()); ++n) {
      co_await session.send(json::serialize(
          json::object{{"type", "event"}, {"seq", n + 1}, {"data", events[static_cast<std::size_t>(n)]}}));
    }
  }
  void take(const json::object& frame) {
    const auto id = frame.at("id").as_int64();
    ++arrivals;
    if (id <= last_id) return;
    last_id = id;
    said.push_back(json::serialize(frame.at("data")));
  }

  std::vector<json::object> hellos;
  std::vector<std::string> events;
  std::vector<std::string> said;
  std::int64_t last_id = 0;
  int arrivals = 0;
  int drops_before_acknowledging = 0;
};

}  // namespace

// covers R39
BOOST_AUTO_TEST_CASE(each_message_has_its_effect_once_although_links_die_before_the_acknowledgement) {
  scenario s;
  v1_server at(s);
  auto& conn = s.start();
  std::deque<outcome> sent(30);
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    expected.push_back(R"({"n":)" + std::to_string(i) + "}");
    if (i % 7 == 3) at.drops_before_acknowledging = 1;
    conn.send(expected.back(), {.when_offline = offline_rule::wait}, sent[i].send_handler());
    s.in.run_for(700ms);
  }
  s.in.run_for(1min);
  BOOST_TEST(at.said == expected);
  BOOST_TEST(at.hellos.size() > 3U);
  for (const auto& each : sent) {
    BOOST_TEST(each.calls == 1);
    BOOST_TEST((each.delivered == delivery::acked));
  }
}

// covers G40
BOOST_AUTO_TEST_CASE(events_go_on_where_the_session_broke_off) {
  scenario s;
  v1_server at(s);
  at.events = {"one", "two"};
  auto& conn = s.start();
  std::vector<std::string> got;
  net::co_spawn(s.in.executor(), receive_into(conn, got), net::detached);
  s.in.run_for(1s);
  BOOST_TEST((got == std::vector<std::string>{R"("one")", R"("two")"}));
  at.events.emplace_back("three");
  at.drops_before_acknowledging = 1;
  conn.send("null", net::detached);
  s.in.run_for(20s);
  BOOST_TEST(conn.snapshot().session == 2U);
  BOOST_TEST(conn.snapshot().resumed);
  BOOST_TEST(conn.snapshot().subprotocol == v1_subprotocol);
  BOOST_TEST((got == std::vector<std::string>{R"("one")", R"("two")", R"("three")"}));
  BOOST_REQUIRE(at.hellos.size() == 2U);
  BOOST_TEST(at.hellos[0].at("client") == at.hellos[1].at("client"));
}

// Else it would come again for ever.
BOOST_AUTO_TEST_CASE(a_session_whose_event_is_too_big_for_the_web_socket_is_not_resumed) {
  scenario s;
  s.given.limits.message_bytes = 1'000;
  v1_server at(s);
  at.events = {std::string(2'000, 'x')};
  s.start();
  s.in.run_for(1min);
  BOOST_REQUIRE(at.hellos.size() > 1U);
  for (const auto& each : at.hellos) BOOST_TEST(!each.contains("resume"));
}

// Else the program would never hear of the session's beginning, or of a gap in it.
BOOST_AUTO_TEST_CASE(a_session_that_was_given_up_during_its_login_is_not_resumed) {
  scenario s;
  v1_server at(s);
  auto& conn = s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return at.hellos.size() == 1; }, 1min));
  conn.disconnect();
  s.in.run_for(1min);
  BOOST_TEST((conn.status() == connection_state::disconnected));
  conn.connect();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_REQUIRE(at.hellos.size() == 2U);
  BOOST_TEST(!at.hellos[1].contains("resume"));
  BOOST_TEST(!conn.snapshot().resumed);
}

BOOST_AUTO_TEST_CASE(a_message_that_is_not_json_is_refused_and_the_connection_goes_on) {
  scenario s;
  v1_server at(s);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome bad, binary, good;
  conn.send("{not json", bad.send_handler());
  conn.send("1", {.kind = message_kind::binary}, binary.send_handler());
  conn.send("1", good.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(bad.ec == make_error_code(error::message_invalid));
  BOOST_TEST(binary.ec == make_error_code(error::message_invalid));
  BOOST_TEST((good.delivered == delivery::acked));
  BOOST_TEST(conn.snapshot().session == 1U);
}

// covers R22
BOOST_AUTO_TEST_CASE(an_idle_day_costs_a_ping_now_and_then_and_nothing_else) {
  scenario s;
  v1_server at(s);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(24h);
  BOOST_TEST(conn.snapshot().session == 1U);
  BOOST_TEST(conn.snapshot().sequence == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
