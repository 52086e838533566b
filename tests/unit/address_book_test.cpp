// Which addresses go behind the others because they took a connection and led nowhere, and whether one is
// left that had no turn yet.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

import holdfast.core;

using namespace holdfast;

BOOST_AUTO_TEST_SUITE(addresses_remembered)

namespace {

const change_reason hung_up{.error = error::connection_lost, .at = stage::upgrade};
const change_reason refused_tcp{.error = boost::asio::error::connection_refused, .at = stage::connect};
const change_reason overloaded{.error = error::upgrade_refused, .at = stage::upgrade, .http_status = 503};
const change_reason too_many{.error = error::upgrade_refused, .at = stage::upgrade, .http_status = 429};

// "1" to "9" is an address.
peer_address named(char name) { return {boost::asio::ip::make_address(std::string("192.0.2.") + name), 443}; }

std::vector<peer_address> all_of(std::string_view names) {
  std::vector<peer_address> out;
  for (const char name : names) out.push_back(named(name));
  return out;
}

// A connection to a name with these addresses.
struct dialler {
  explicit dialler(std::string_view names) : resolved(all_of(names)) {}

  [[nodiscard]] std::string order() const {
    std::string out;
    for (const auto& each : book.order(resolved)) out += each.address.to_string().back();
    return out;
  }
  // What an attempt finds out that reaches the first for which `answers` is true; the others take no
  // connection. `most`: connects until the deadline.
  [[nodiscard]] address_trial reach(std::string_view answering, std::size_t most = 1000) const {
    address_trial out{.network = book.network(), .resolved = book.order(resolved)};
    const auto answers = all_of(answering);
    for (const auto& each : out.resolved) {
      if (out.begun.size() == most) break;
      out.begun.push_back(each);
      if (std::ranges::find(answers, each) == answers.end()) continue;
      out.reached = each;
      break;
    }
    return out;
  }
  bool fail(std::string_view answering, const change_reason& why = hung_up) {
    return book.attempt_failed(reach(answering), why);
  }
  bool open_and_end(std::string_view answering, bool stable, const change_reason& why = hung_up) {
    book.session_opened(reach(answering));
    return book.session_ended(why, stable);
  }

  std::vector<peer_address> resolved;
  address_book book;
};

}  // namespace

// covers R47
BOOST_AUTO_TEST_CASE(an_address_that_failed_above_tcp_goes_behind_the_others) {
  dialler dials("123");
  BOOST_TEST(dials.fail("123"));
  BOOST_TEST(dials.order() == "231");
  BOOST_TEST(dials.fail("123"));
  BOOST_TEST(dials.order() == "312");
  BOOST_TEST(!dials.fail("123"));  // the last that was untried
  BOOST_TEST(dials.order() == "123");
  BOOST_TEST(!dials.fail("123"));
  BOOST_TEST(dials.order() == "231");
}

// covers R47
BOOST_AUTO_TEST_CASE(those_that_failed_stand_in_the_order_of_their_failures_whatever_the_resolver_says) {
  dialler dials("1234");
  dials.fail("3");
  dials.fail("1");
  BOOST_TEST(dials.order() == "2431");
  dials.resolved = all_of("1342");
  BOOST_TEST(dials.order() == "4231");
  dials.resolved = all_of("13");
  BOOST_TEST(dials.order() == "31");
}

BOOST_AUTO_TEST_CASE(an_address_that_takes_no_connection_keeps_its_place) {
  dialler dials("12");
  BOOST_TEST(!dials.fail("", refused_tcp));  // both were tried
  BOOST_TEST(dials.order() == "12");
}

// covers R47
BOOST_AUTO_TEST_CASE(a_race_that_the_deadline_cuts_short_is_followed_by_one_among_the_rest) {
  dialler dials("12345");
  BOOST_TEST(dials.book.attempt_failed(dials.reach("", 2), {.error = error::timed_out}));
  BOOST_TEST(dials.order() == "34512");
  BOOST_TEST(dials.book.attempt_failed(dials.reach("", 2), {.error = error::timed_out}));
  BOOST_TEST(!dials.book.attempt_failed(dials.reach("", 2), {.error = error::timed_out}));
}

// Else a server that says 429 would be asked again and again without a growing wait.
BOOST_AUTO_TEST_CASE(an_address_that_will_have_no_turn_does_not_count_as_untried) {
  dialler dials("123");
  BOOST_TEST(!dials.fail("23", too_many));  // 1 takes no connection, 2 answers: 3 is not asked
  BOOST_TEST(dials.order() == "123");
  BOOST_TEST(dials.fail("23", overloaded));
  BOOST_TEST(dials.order() == "132");
}

// covers R47
BOOST_AUTO_TEST_CASE(the_last_good_address_is_first_until_it_fails) {
  dialler dials("123");
  dials.open_and_end("2", true);
  BOOST_TEST(dials.order() == "213");
  dials.fail("123", too_many);
  BOOST_TEST(dials.order() == "213");
  dials.fail("123", overloaded);
  BOOST_TEST(dials.order() == "132");
}

BOOST_AUTO_TEST_CASE(the_last_good_address_is_not_first_any_more_when_another_is_faster) {
  dialler dials("12");
  dials.open_and_end("2", true);
  dials.fail("1", too_many);
  BOOST_TEST(dials.order() == "12");
}

// covers R47
BOOST_AUTO_TEST_CASE(a_session_that_ends_before_it_is_stable_puts_its_address_behind) {
  dialler dials("12");
  BOOST_TEST(dials.open_and_end("12", false));
  BOOST_TEST(dials.order() == "21");
  BOOST_TEST(!dials.open_and_end("12", false));
  BOOST_TEST(dials.order() == "12");
}

// covers R47
BOOST_AUTO_TEST_CASE(a_stable_session_clears_its_address_and_begins_a_new_round) {
  dialler dials("12");
  dials.fail("12");
  dials.fail("12");
  BOOST_TEST(dials.order() == "12");
  BOOST_TEST(!dials.open_and_end("12", true));
  BOOST_TEST(dials.order() == "12");  // 1 is good again, 2 still stands behind
  BOOST_TEST(dials.fail("12"));       // and 2 is untried
  BOOST_TEST(dials.order() == "21");
}

BOOST_AUTO_TEST_CASE(what_the_program_ends_is_not_the_fault_of_the_address) {
  for (const auto why : {make_error_code(error::disconnect_requested), make_error_code(error::in_background),
                         make_error_code(error::closed), make_error_code(error::moved),
                         error_code(boost::asio::error::operation_aborted)}) {
    dialler dials("12");
    BOOST_TEST(!dials.open_and_end("12", false, {.error = why, .at = stage::session}));
    BOOST_TEST(dials.order() == "12");
  }
}

BOOST_AUTO_TEST_CASE(what_another_address_would_answer_as_well_is_not_the_fault_of_this_one) {
  for (const unsigned status : {304U, 400U, 401U, 403U, 404U, 426U, 429U}) {
    BOOST_TEST(!speaks_against_address({.error = error::upgrade_refused, .http_status = status}));
  }
  for (const auto why : {error::unauthorized, error::login_refused, error::proxy_unauthorized,
                         error::redirect_refused, error::provider_failed}) {
    BOOST_TEST(!speaks_against_address({.error = why}));
  }
}

// covers R47
BOOST_AUTO_TEST_CASE(each_failure_above_tcp_speaks_against_the_address) {
  for (const auto why :
       {error::connection_lost, error::timed_out, error::tls_failed, error::certificate_expired,
        error::certificate_wrong_host, error::certificate_unknown_issuer, error::upgrade_invalid,
        error::proxy_refused, error::proxy_invalid, error::liveness_lost, error::closed_by_peer}) {
    BOOST_TEST(speaks_against_address({.error = why}));
  }
  for (const unsigned status : {101U, 200U, 500U, 502U, 503U, 599U}) {
    BOOST_TEST(speaks_against_address({.error = error::upgrade_refused, .http_status = status}));
  }
  BOOST_TEST(speaks_against_address({.error = boost::asio::error::connection_reset}));
}

// RFC 8305 section 4.
BOOST_AUTO_TEST_CASE(on_another_network_all_is_forgotten_and_old_news_do_not_count) {
  dialler dials("123");
  dials.fail("1");
  dials.open_and_end("3", true);
  BOOST_TEST(dials.order() == "321");
  const auto under_way = dials.reach("3");
  dials.book.forget();
  BOOST_TEST(dials.order() == "123");
  BOOST_TEST(!dials.book.attempt_failed(under_way, hung_up));
  dials.book.session_opened(under_way);
  BOOST_TEST(!dials.book.session_ended(hung_up, false));
  BOOST_TEST(dials.order() == "123");
}

BOOST_AUTO_TEST_CASE(an_attempt_that_had_no_address_says_nothing) {
  dialler dials("12");
  BOOST_TEST(!dials.book.attempt_failed({}, {.error = error::host_not_found, .at = stage::resolve}));
  BOOST_TEST(!dials.book.session_ended(hung_up, false));
  BOOST_TEST(dials.order() == "12");
}

// A name whose addresses are others with each look-up must neither fill the memory nor keep the wait short
// for ever.
BOOST_AUTO_TEST_CASE(what_is_remembered_is_bounded) {
  address_book book;
  unsigned untried = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    address_trial trial{.network = book.network()};
    for (std::uint32_t k = 0; k < 2; ++k)
      trial.resolved.push_back({boost::asio::ip::address_v4(0x0A000000U + 2 * i + k), 443});
    trial.begun = {trial.resolved.front()};
    trial.reached = trial.resolved.front();
    if (book.attempt_failed(trial, hung_up)) ++untried;
  }
  BOOST_TEST(untried == address_book::limit);
  std::vector<peer_address> all;
  all.reserve(2000);
  for (std::uint32_t i = 0; i < 2000; ++i) all.push_back({boost::asio::ip::address_v4(0x0A000000U + i), 443});
  const auto ordered = book.order(all);
  BOOST_TEST(ordered.size() == all.size());
  const peer_address newest{boost::asio::ip::address_v4(0x0A000000U + 2 * 999), 443};
  BOOST_TEST((ordered.back() == newest));
  const peer_address oldest_kept{boost::asio::ip::address_v4(0x0A000000U + 2 * (1000 - 64)), 443};
  BOOST_TEST((ordered[all.size() - address_book::limit] == oldest_kept));
}

BOOST_AUTO_TEST_SUITE_END()
