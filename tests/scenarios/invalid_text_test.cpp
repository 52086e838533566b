// Text from the server that is not UTF-8: when it ends the session, and how a program lives with it.
#include "scenario.hpp"

using namespace std::string_literals;

BOOST_AUTO_TEST_SUITE(invalid_text)

namespace {

// What the server has sent, one octet a second, and how the client closed.
struct dictation {
  std::size_t octets = 0;
  std::uint16_t close_code = 0;
};

net::awaitable<void> dictate(server_session& session, std::string bytes, dictation& told) {
  for (const char each : bytes) {
    co_await session.send_raw({&each, 1});
    ++told.octets;
    const bool goes_on = co_await session.echo_for(1s);
    if (!goes_on) break;
  }
  told.close_code = session.close_code();
}

net::awaitable<void> say(server_session& session, std::string bytes) {
  co_await session.send_raw(bytes);
  co_await session.echo();
}

// A frame that promises 1000 bytes, in which the fourth is bad.
const auto bad_frame = "\x81\x7E\x03\xE8ok \xFF"s;

}  // namespace

// covers R63
BOOST_AUTO_TEST_CASE(a_bad_octet_in_a_frame_that_is_not_whole_ends_the_session_at_once) {
  scenario s;
  dictation told;
  s.backend.on_session(
      [&](server_session& session) { return dictate(session, bad_frame + std::string(500, 'x'), told); });
  s.start();
  const recorder seen(*s.conn);
  BOOST_REQUIRE(s.in.run_until([&] { return told.close_code != 0; }, 60s));
  BOOST_TEST(told.octets == bad_frame.size());
  BOOST_TEST(told.close_code == 1007U);
  s.in.run_for(100ms);
  BOOST_REQUIRE(seen.count(connection_state::disconnected) == 1U);
  const auto end = std::ranges::find(seen.changes(), connection_state::disconnected, &observed_change::to);
  BOOST_CHECK(end->reason.error == error::invalid_utf8);
}

// covers R63
BOOST_AUTO_TEST_CASE(what_came_whole_before_the_bad_octet_is_received) {
  scenario s;
  s.backend.on_session([](server_session& session) { return say(session, "\x81\x03one"s + bad_frame); });
  s.start();
  const recorder seen(*s.conn);
  std::string got;
  s.conn->receive([&](error_code, const message& one) { got = one.payload; });
  BOOST_REQUIRE(s.in.run_until([&] { return seen.count(connection_state::disconnected) == 1; }, 10s));
  BOOST_TEST(got == "one");
}

// covers R67
BOOST_AUTO_TEST_CASE(a_program_may_take_what_is_not_utf8_replaced_or_as_binary) {
  for (const auto rule : {utf8_rule::replace, utf8_rule::as_binary}) {
    scenario s;
    s.given.invalid_text = rule;
    s.backend.on_session([](server_session& session) {
      return say(session,
                 "\x81\x04"
                 "caf\xE9\x81\x02ok"s);
    });
    s.start();
    message bad, good;
    s.conn->receive([&](error_code, message one) { bad = std::move(one); });
    s.conn->receive([&](error_code, message one) { good = std::move(one); });
    BOOST_REQUIRE(s.in.run_until([&] { return !good.payload.empty(); }, 10s));
    const bool replaced = rule == utf8_rule::replace;
    BOOST_TEST(bad.payload == (replaced ? "caf\uFFFD" : "caf\xE9"));
    BOOST_CHECK(bad.kind == (replaced ? message_kind::text : message_kind::binary));
    BOOST_TEST(good.payload == "ok");
    BOOST_CHECK(good.kind == message_kind::text);
    BOOST_CHECK(s.conn->status() == connection_state::connected);
  }
}

BOOST_AUTO_TEST_SUITE_END()
