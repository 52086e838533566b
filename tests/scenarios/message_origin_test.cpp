// What a message says of itself, and how that fits to the states: for a program that subscribes anew in each
// session.
#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(message_origin)

namespace {

net::awaitable<void> greet(server_session& session, int greetings, bool drops) {
  for (int i = 0; i < greetings; ++i) co_await session.send("hello " + std::to_string(i));
  if (drops) {
    co_await session.echo_for(100ms);
    session.drop();
  } else {
    co_await session.echo();
  }
}

// A server that drops its first session when it has greeted.
struct greeter {
  greeter(server& of, int greetings) {
    of.on_session(
        [this, greetings](server_session& session) { return greet(session, greetings, ++sessions == 1); });
  }
  int sessions = 0;
};

bool is_in_session(const connection& conn, std::uint64_t number) {
  const auto now = conn.snapshot();
  return now.to == connection_state::connected && now.session == number;
}

}  // namespace

// covers R68
BOOST_AUTO_TEST_CASE(a_message_received_late_says_which_session_brought_it_and_when) {
  scenario s;
  greeter at_server(s.backend, 2);
  s.start();
  const recorder seen(*s.conn);
  BOOST_REQUIRE(s.in.run_until([&] { return is_in_session(*s.conn, 2); }, 60s));
  s.in.run_for(1s);
  message first;
  s.conn->receive([&](error_code, message one) { first = std::move(one); });
  message_batch rest;
  s.conn->receive_batch([&](error_code, message_batch all) { rest = std::move(all); });
  s.in.settle();
  BOOST_TEST(first.payload == "hello 0");
  BOOST_TEST(first.session == 1U);
  BOOST_REQUIRE(rest.size() == 3U);
  BOOST_TEST(rest[0].session == 1U);
  BOOST_TEST(rest[1].session == 2U);
  BOOST_TEST(rest[2].session == 2U);
  // Each was read within its session.
  const auto ended = std::ranges::find(seen.changes(), connection_state::disconnected, &observed_change::to);
  BOOST_REQUIRE((ended != seen.changes().end()));
  BOOST_CHECK(first.received > clock::time_point{});
  BOOST_CHECK(first.received <= ended->time);
  BOOST_CHECK(rest[1].received >= s.conn->snapshot().time);
  BOOST_CHECK(rest[1].received < clock::now());
}

// covers R68
BOOST_AUTO_TEST_CASE(connected_is_published_before_a_message_of_its_session_can_be_received) {
  scenario s;
  greeter at_server(s.backend, 1);
  s.start();
  std::vector<std::uint64_t> brought_by;
  bool in_order = true;
  s.conn->set_message_handler([&](const message_view& one) {
    brought_by.push_back(one.session);
    in_order = in_order && is_in_session(*s.conn, one.session);
  });
  BOOST_REQUIRE(s.in.run_until([&] { return brought_by.size() == 2; }, 60s));
  BOOST_TEST(in_order);
  BOOST_TEST(brought_by == (std::vector<std::uint64_t>{1, 2}), boost::test_tools::per_element());
}

// covers R68
BOOST_AUTO_TEST_CASE(a_message_that_a_handler_gives_back_still_says_where_it_came_from) {
  scenario s;
  greeter at_server(s.backend, 2);
  s.start();
  BOOST_REQUIRE(s.in.run_until([&] { return is_in_session(*s.conn, 2); }, 60s));
  s.in.run_for(1s);
  message_view seen;
  s.conn->set_message_handler([&](const message_view& one) {
    seen.session = one.session;
    s.conn->set_message_handler({});
  });
  s.in.settle();
  BOOST_TEST(seen.session == 1U);
  message_batch rest;
  s.conn->receive_batch([&](error_code, message_batch all) { rest = std::move(all); });
  s.in.settle();
  BOOST_REQUIRE(rest.size() == 3U);
  BOOST_TEST(rest[0].session == 1U);
  BOOST_TEST(rest[2].session == 2U);
  BOOST_CHECK(rest[0].received < rest[2].received);
}

BOOST_AUTO_TEST_SUITE_END()
