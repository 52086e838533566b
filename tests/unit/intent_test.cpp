// What a sequence of commands asks of a connection.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <optional>

import holdfast.core;

using namespace holdfast;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(intents)

namespace {

constexpr clock::duration grace = 30s;
constexpr clock::time_point start{1h};

}  // namespace

BOOST_AUTO_TEST_CASE(automatic_mode_wants_a_session_from_the_start) {
  BOOST_TEST(intent(connect_mode::automatic, grace).wants_session());
  BOOST_TEST(!intent(connect_mode::manual, grace).wants_session());
  BOOST_TEST(intent(connect_mode::manual, grace).is_final());
}

BOOST_AUTO_TEST_CASE(connect_says_whether_it_is_news) {
  intent wish(connect_mode::manual, grace);
  BOOST_TEST(wish.connect());
  BOOST_TEST(!wish.connect());
  BOOST_TEST(wish.wants_session());
}

BOOST_AUTO_TEST_CASE(disconnect_holds_until_connect_and_keeps_its_reason) {
  intent wish(connect_mode::automatic, grace);
  wish.disconnect(error::disconnect_requested);
  BOOST_TEST(!wish.wants_session());
  BOOST_TEST(wish.is_final());
  BOOST_TEST(!wish.is_closed());
  BOOST_TEST((wish.why_not() == error::disconnect_requested));
  BOOST_TEST(wish.connect());
  BOOST_TEST(wish.wants_session());
}

BOOST_AUTO_TEST_CASE(what_was_begun_does_not_go_on_although_connect_follows_disconnect) {
  intent wish(connect_mode::automatic, grace);
  wish.disconnect(error::disconnect_requested);
  wish.connect();
  BOOST_TEST(wish.wants_session());
  BOOST_TEST(!wish.goes_on());
  wish.rest();
  BOOST_TEST(wish.goes_on());
}

BOOST_AUTO_TEST_CASE(nothing_follows_close) {
  intent wish(connect_mode::automatic, grace);
  wish.close(error::closed);
  BOOST_TEST(!wish.connect());
  wish.rest();
  BOOST_TEST(!wish.wants_session());
  BOOST_TEST(wish.is_closed());
  BOOST_TEST(wish.is_final());
}

BOOST_AUTO_TEST_CASE(giving_up_is_undone_by_connect_unless_it_is_for_good) {
  intent wish(connect_mode::automatic, grace);
  wish.give_up();
  BOOST_TEST(wish.is_final());
  BOOST_TEST(wish.connect());
  wish.give_up_for_good();
  BOOST_TEST(!wish.connect());
  BOOST_TEST(wish.is_closed());
}

BOOST_AUTO_TEST_CASE(automatic_mode_waits_for_the_foreground_but_not_for_a_command) {
  intent wish(connect_mode::automatic, grace);
  BOOST_TEST(wish.enter_background());
  BOOST_TEST(!wish.enter_background());
  BOOST_TEST(!wish.wants_session());
  BOOST_TEST(!wish.is_final());
  BOOST_TEST((wish.why_not() == error::in_background));
  BOOST_TEST(!wish.grace_ends().has_value());
  wish.disconnect(error::disconnect_requested);
  wish.connect();
  BOOST_TEST((wish.why_not() == error::in_background));
  wish.enter_foreground();
  BOOST_TEST(wish.wants_session());
}

BOOST_AUTO_TEST_CASE(manual_mode_keeps_its_session_in_the_background_for_the_grace) {
  intent wish(connect_mode::manual, grace);
  wish.enter_background();
  BOOST_TEST(!wish.grace_ends().has_value());  // there is nothing to keep
  wish.connect();
  wish.used(start);
  BOOST_TEST(wish.wants_session());
  BOOST_TEST((wish.grace_ends() == start + grace));
  wish.used(start + 10s);
  BOOST_TEST((wish.grace_ends() == start + 10s + grace));
  wish.enter_foreground();
  BOOST_TEST(!wish.grace_ends().has_value());
}

BOOST_AUTO_TEST_CASE(connect_is_remembered_until_observers_get_a_state) {
  intent wish(connect_mode::manual, grace);
  BOOST_TEST(!wish.is_asked());
  wish.connect();
  BOOST_TEST(wish.is_asked());
  wish.published();
  BOOST_TEST(!wish.is_asked());
}

BOOST_AUTO_TEST_SUITE_END()
