// The vocabulary: errors and their classes, states and how they read, and the batch that carries messages.
#include <algorithm>
#include <array>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

import holdfast;

using namespace holdfast;
using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(values)

namespace {

// Written where a program awaits, GCC 12 destroys it twice (await_temporaries_test.py).
static_assert(std::is_trivially_destructible_v<send_options>);

constexpr std::array every_error = {
    error::already_running,
    error::closed,
    error::no_connection,
    error::disconnect_requested,
    error::in_background,
    error::timed_out,
    error::host_not_found,
    error::connection_lost,
    error::liveness_lost,
    error::closed_by_peer,
    error::upgrade_refused,
    error::unauthorized,
    error::upgrade_invalid,
    error::protocol_violation,
    error::invalid_utf8,
    error::message_too_big,
    error::outbound_full,
    error::tls_failed,
    error::certificate_expired,
    error::certificate_wrong_host,
    error::certificate_self_signed,
    error::certificate_unknown_issuer,
    error::certificate_invalid,
    error::client_certificate_refused,
    error::proxy_refused,
    error::proxy_unauthorized,
    error::proxy_invalid,
    error::redirect_refused,
    error::provider_failed,
    error::provider_gave_up,
    error::renegotiation_refused,
    error::message_discarded,
    error::subprotocol_mismatch,
    error::message_expired,
    error::message_superseded,
    error::feature_throttled,
    error::dial_gate_closed,
    error::handed_over,
    error::message_invalid,
    error::login_refused,
    error::protocol_failed,
    error::server_going_away,
};

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

change_reason closed_with(std::string text) {
  return {
      .error = error::closed_by_peer, .at = stage::session, .close_code = 1001, .detail = std::move(text)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_error_has_one_line_of_its_own_without_source_locations) {
  std::set<std::string> messages;
  for (const auto value : every_error) {
    const auto message = make_error_code(value).message();
    BOOST_TEST_CONTEXT(message) {
      BOOST_TEST(!message.empty());
      BOOST_TEST(!has_control_character(message));
      for (const auto trace : {".cpp"sv, ".hpp"sv, ".cppm"sv, "::"sv, "["sv, "unknown"sv}) {
        BOOST_TEST(message.find(trace) == std::string::npos);
      }
      messages.insert(message);
    }
  }
  BOOST_TEST(messages.size() == every_error.size());
  BOOST_TEST(error_code(9999, error_category()).message() == "unknown holdfast error");
  BOOST_TEST(error_category().name() == "holdfast"sv);
}

// covers G29
BOOST_AUTO_TEST_CASE(sending_without_a_connection_has_an_error_of_its_own) {
  BOOST_TEST(make_error_code(error::no_connection).message() == "no session is open");
}

BOOST_AUTO_TEST_CASE(an_error_of_ours_is_an_error_code) {
  const error_code code = error::timed_out;
  BOOST_CHECK(code == error::timed_out);
  BOOST_CHECK(code != error::closed);
  BOOST_TEST(code.failed());
}

BOOST_AUTO_TEST_CASE(every_error_belongs_to_exactly_one_class) {
  const std::set fatal{error::already_running,      error::closed,
                       error::disconnect_requested, error::provider_gave_up,
                       error::subprotocol_mismatch, error::login_refused};
  for (const auto value : every_error) {
    const error_code code = value;
    BOOST_TEST_CONTEXT(code.message()) {
      BOOST_TEST((code == condition::fatal) == fatal.contains(value));
      BOOST_TEST((code == condition::auth) == (value == error::unauthorized));
      BOOST_TEST((code == condition::transient) == (!fatal.contains(value) && value != error::unauthorized));
    }
  }
}

BOOST_AUTO_TEST_CASE(errors_of_the_operating_system_are_transient) {
  for (const int value :
       {ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, ECANCELED, 1, 2, 13}) {
    for (const auto* category : {&boost::system::system_category(), &boost::system::generic_category()}) {
      const error_code code(value, *category);
      BOOST_CHECK(code == condition::transient);
      BOOST_CHECK(code != condition::fatal);
      BOOST_CHECK(code != condition::auth);
    }
  }
}

BOOST_AUTO_TEST_CASE(success_belongs_to_no_class) {
  for (const auto value : {condition::transient, condition::fatal, condition::auth}) {
    BOOST_CHECK(error_code{} != value);
    BOOST_TEST(!make_error_condition(value).message().empty());
  }
}

BOOST_AUTO_TEST_CASE(the_vocabulary_of_states_is_fixed) {
  BOOST_TEST(to_string(connection_state::connecting) == "connecting");
  BOOST_TEST(to_string(connection_state::connected) == "connected");
  BOOST_TEST(to_string(connection_state::disconnected) == "disconnected");
  BOOST_TEST(to_string(connection_state::feature_throttled) == "featureThrottled");
}

BOOST_AUTO_TEST_CASE(stages_and_deliveries_have_names) {
  const std::array stages = {
      to_string(stage::none),    to_string(stage::provider), to_string(stage::resolve),
      to_string(stage::connect), to_string(stage::proxy),    to_string(stage::tls),
      to_string(stage::upgrade), to_string(stage::login),    to_string(stage::session)};
  const std::array wanted_stages = {"none"sv, "provider"sv, "resolve"sv, "connect"sv, "proxy"sv,
                                    "tls"sv,  "upgrade"sv,  "login"sv,   "session"sv};
  BOOST_TEST(stages == wanted_stages, boost::test_tools::per_element());
  const std::array deliveries = {to_string(delivery::written), to_string(delivery::acked),
                                 to_string(delivery::not_sent), to_string(delivery::in_doubt),
                                 to_string(delivery::dropped)};
  const std::array wanted_deliveries = {"written"sv, "acked"sv, "not_sent"sv, "in_doubt"sv, "dropped"sv};
  BOOST_TEST(deliveries == wanted_deliveries, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(only_what_was_written_counts_as_sent) {
  BOOST_TEST(send_result{.outcome = delivery::written}.ok());
  BOOST_TEST(send_result{.outcome = delivery::acked}.ok());
  for (const auto outcome : {delivery::not_sent, delivery::in_doubt, delivery::dropped}) {
    BOOST_TEST(!send_result{.outcome = outcome}.ok());
  }
}

// covers G1
BOOST_AUTO_TEST_CASE(before_the_first_transition_it_is_disconnected_and_nothing_more) {
  BOOST_TEST(describe(state_change{}) == "disconnected");
  BOOST_TEST(describe(change_reason{}).empty());
  BOOST_TEST(!state_change{}.retry_at().has_value());
}

BOOST_AUTO_TEST_CASE(a_change_reads_as_one_line) {
  state_change change{.sequence = 3, .to = connection_state::disconnected, .attempt = 1};
  change.reason = {.error = error::upgrade_refused, .at = stage::upgrade, .http_status = 503};
  change.retry_in = 1200ms;
  change.rule = "backoff";
  BOOST_TEST(
      describe(change) ==
      "disconnected (upgrade: server refused the WebSocket upgrade, HTTP 503), retry in 1.20 s [backoff]");
  change.retry_in.reset();
  change.rule = "attempt-limit";
  change.final = true;
  change.flapping = true;
  change.reason = closed_with("bye");
  BOOST_TEST(describe(change) ==
             "disconnected (session: closed by the peer, close code 1001 \"bye\"), "
             "will not retry by itself [attempt-limit], flapping");
  BOOST_TEST(describe(change_reason{.error = error::timed_out, .at = stage::connect, .peer = "[::1]:80"}) ==
             "connect to [::1]:80: deadline reached");
  BOOST_TEST(describe(state_change{.to = connection_state::connected, .peer = "[::1]:80"}) ==
             "connected to [::1]:80");
  BOOST_TEST(describe(state_change{.to = connection_state::feature_throttled,
                                   .features = {{"typing", "busy", {}}}}) ==
             "featureThrottled, typing throttled: busy");
}

// covers R9
BOOST_AUTO_TEST_CASE(the_time_of_the_retry_is_absolute) {
  state_change change;
  change.time = clock::time_point(100s);
  change.retry_in = 5s;
  BOOST_CHECK(change.retry_at() == clock::time_point(105s));
}

BOOST_AUTO_TEST_CASE(control_characters_of_a_peer_never_reach_the_text) {
  const auto hostile = "a\r\nFORGED LINE\x1b[31m\x07\x7f\0\t\x01z"s;
  state_change change{.sequence = 1, .reason = closed_with(hostile)};
  BOOST_TEST(!has_control_character(describe(change.reason)));
  BOOST_TEST(!has_control_character(describe(change)));
  BOOST_TEST(describe(change.reason).find("FORGED LINE") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(control_characters_in_a_throttle_notice_never_reach_the_text) {
  state_change change{.to = connection_state::feature_throttled};
  change.features = {{"typing\r\nFORGED", "slow\x1b[2J down\n", {}}};
  BOOST_TEST(!has_control_character(describe(change)));
}

// U+0080 to U+009F: U+009B begins a terminal's control sequence as ESC [ does, U+0085 is a line break.
BOOST_AUTO_TEST_CASE(control_characters_above_ascii_never_reach_the_text) {
  for (const auto control : {"\xC2\x80"sv, "\xC2\x85"sv, "\xC2\x9B"sv, "\xC2\x9F"sv}) {
    const auto text = describe(closed_with("a" + std::string(control) + "31m"));
    BOOST_TEST(text.find(control) == std::string::npos);
  }
  BOOST_TEST(describe(closed_with("gr\u00FC\u00DFe \u20AC")).find("gr\u00FC\u00DFe \u20AC") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_long_text_of_a_peer_is_cut_between_characters) {
  for (const auto character : {"\u00E9"sv, "\u20AC"sv, "\U0001F600"sv}) {
    for (std::size_t ascii = 0; ascii < character.size(); ++ascii) {
      std::string text(ascii, 'a');
      while (text.size() < 1000) text += character;
      const auto described = describe(closed_with(text));
      BOOST_TEST(described.size() < 300U);
      BOOST_TEST(is_valid_utf8(described));
    }
  }
}

static_assert(std::forward_iterator<message_batch::iterator>);

BOOST_AUTO_TEST_CASE(a_batch_gives_its_messages_in_order) {
  message_batch batch;
  BOOST_TEST(batch.empty());
  batch.push_back(message_kind::text, "one"sv);
  batch.push_back(message_kind::binary, ""sv);
  batch.push_back(message_kind::text, "three"s);
  BOOST_TEST(batch.size() == 3U);
  BOOST_TEST(batch.size_bytes() == 8U);
  BOOST_TEST(batch[0].payload == "one");
  BOOST_CHECK(batch[1].kind == message_kind::binary);
  std::vector<std::string> seen;
  for (const auto message : batch) seen.emplace_back(message.payload);
  BOOST_TEST(seen == (std::vector{"one"s, ""s, "three"s}), boost::test_tools::per_element());
  BOOST_TEST(batch.pop_front().payload == "one");
  BOOST_TEST(batch.size() == 2U);
  BOOST_TEST(batch.size_bytes() == 5U);
  BOOST_TEST((*batch.begin()).payload.empty());
  const auto second = batch.pop_front();
  BOOST_CHECK(second.kind == message_kind::binary);
  BOOST_TEST(batch.pop_front().payload == "three");
  BOOST_TEST(batch.empty());
  BOOST_TEST(batch.size_bytes() == 0U);
  BOOST_CHECK(batch.begin() == batch.end());
}

BOOST_AUTO_TEST_CASE(a_batch_takes_over_a_large_payload_and_goes_on) {
  message_batch batch;
  for (int round = 0; round < 3; ++round) {
    std::string large(100'000, static_cast<char>('a' + round));
    const auto* const memory = large.data();
    batch.take_back(message_kind::binary, std::move(large));
    BOOST_TEST(batch.size_bytes() == 100'000U);
    if (round == 0) {
      auto back = batch.pop_front();
      BOOST_TEST(back.payload.data() == memory);
      continue;
    }
    batch.push_back(message_kind::text, "small"s);
    BOOST_TEST(batch.pop_front().payload == std::string(100'000, static_cast<char>('a' + round)));
    BOOST_TEST(batch.size_bytes() == 5U);
    BOOST_TEST(batch.pop_front().payload == "small");
  }
}

BOOST_AUTO_TEST_CASE(a_cleared_batch_starts_anew) {
  message_batch batch;
  for (int i = 0; i < 10; ++i) batch.push_back(message_kind::text, "old"sv);
  batch.pop_front();
  batch.clear();
  BOOST_TEST(batch.empty());
  BOOST_TEST(batch.size_bytes() == 0U);
  batch.push_back(message_kind::text, "new"sv);
  BOOST_TEST(batch.size() == 1U);
  BOOST_TEST(batch.pop_front().payload == "new");
}

BOOST_AUTO_TEST_CASE(a_batch_that_is_never_empty_stays_true_for_100000_messages) {
  message_batch batch;
  std::deque<message> expected;
  std::size_t bytes = 0;
  std::mt19937 random(1);
  for (int i = 0; i < 100'000; ++i) {
    message next{i % 3 == 0 ? message_kind::binary : message_kind::text,
                 std::to_string(i) + std::string(random() % 50, '.')};
    bytes += next.payload.size();
    batch.push_back(next.kind, std::string_view(next.payload));
    expected.push_back(std::move(next));
    if (expected.size() <= 1 + random() % 100) continue;
    const auto first = batch.pop_front();
    BOOST_REQUIRE(first.payload == expected.front().payload);
    BOOST_REQUIRE(first.kind == expected.front().kind);
    bytes -= first.payload.size();
    expected.pop_front();
    BOOST_REQUIRE(batch.size() == expected.size());
    BOOST_REQUIRE(batch.size_bytes() == bytes);
    BOOST_REQUIRE(batch[batch.size() - 1].payload == expected.back().payload);
  }
  BOOST_CHECK(std::ranges::equal(batch, expected, {}, &message_view::payload,
                                 [](const message& each) { return std::string_view(each.payload); }));
}

BOOST_AUTO_TEST_SUITE_END()
