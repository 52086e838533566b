// A send() that is kept for later owns what it was given: payload, feature and key.
#include <boost/json.hpp>
#include <boost/version.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "line_protocol.hpp"

BOOST_AUTO_TEST_SUITE(kept_sends)

namespace {

// Connected to a server that keeps what it gets.
struct collecting_scenario : scenario {
  collecting_scenario() {
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      while (auto next = co_await session.receive()) got.push_back(std::move(next->payload));
    });
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
  }
  // Starts an operation of send() that was made before, and returns when it has had its time.
  template <class Operation>
  void begin(Operation operation) {
    in.spawn([](Operation kept) -> net::awaitable<void> {
      static_cast<void>(co_await std::move(kept));
    }(std::move(operation)));
    in.run_for(1s);
  }
  std::vector<std::string> got;
};

// What `operation`, which is deferred, completes with.
template <class Operation>
send_result result_of(scenario& s, Operation operation) {
  std::optional<send_result> out;
  std::move(operation)([&out](send_result sent) { out = sent; });
  s.in.run_for(1s);
  BOOST_REQUIRE(out.has_value());
  return *out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_kept_send_sends_what_it_was_given_although_that_is_gone) {
  for (const std::size_t size : {0U, 1U, 103U, 104U, 105U, 1'000U, 100'000U}) {
    BOOST_TEST_CONTEXT(size << " bytes") {
      collecting_scenario s;
      const std::string expected(size, 'a');
      auto text = std::make_unique<std::string>(expected);
      auto kept = s.conn->send(*text);
      text->assign(size, 'z');
      text.reset();
      s.begin(std::move(kept));
      BOOST_REQUIRE(s.got.size() == 1U);
      BOOST_TEST((s.got.front() == expected));
    }
  }
}

BOOST_AUTO_TEST_CASE(with_every_token_that_starts_it_later) {
  collecting_scenario s;
  std::vector<std::string> sent;
  const auto keep = [&](const auto& token) {
    for (const std::size_t size : {10U, 1'000U}) {
      sent.emplace_back(size, static_cast<char>('a' + sent.size()));
      auto text = std::make_unique<std::string>(sent.back());
      auto fresh = token;  // Asio takes no constant tokens in all adapters
      auto kept = s.conn->send(*text, std::move(fresh));
      text->assign(size, 'z');
      text.reset();
      s.begin(std::move(kept));
    }
  };
  error_code redirected;
  keep(net::deferred);
  keep(net::use_awaitable);
  keep(net::as_tuple(net::deferred));
  keep(net::as_tuple(net::use_awaitable));
  keep(net::redirect_error(net::deferred, redirected));
  keep(net::bind_executor(s.in.executor(), net::deferred));
  keep(net::bind_executor(s.in.executor(), net::use_awaitable));
#if BOOST_VERSION >= 108600
  keep(net::cancel_after(1h, net::deferred));
#endif
  BOOST_TEST((s.got == sent));
}

BOOST_AUTO_TEST_CASE(its_feature_and_key_are_its_own_too) {
  for (const std::size_t size : {10U, 1'000U}) {
    line_scenario s;
    auto& conn = s.start();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.say("hold typing 60");
    auto words = std::make_unique<std::vector<std::string>>(std::vector<std::string>{"typing", "a key"});
    const std::string text(size, 'x');
    auto refused = conn.send(text, {.feature = (*words)[0]}, net::deferred);
    auto json = conn.send_json(boost::json::value(boost::json::string_view(text)), {.feature = (*words)[0]},
                               net::deferred);
    auto first =
        conn.send(text, {.when_throttled = throttled_rule::wait, .feature = (*words)[0], .key = (*words)[1]},
                  net::deferred);
    auto second =
        conn.send(text, {.when_throttled = throttled_rule::wait, .feature = (*words)[0], .key = (*words)[1]},
                  net::deferred);
    for (auto& each : *words) each.assign(each.size(), '?');
    words.reset();
    const auto refused_as = result_of(s, std::move(refused));
    BOOST_TEST(refused_as.reason == make_error_code(error::feature_throttled));
    const auto json_refused_as = result_of(s, std::move(json));
    BOOST_TEST(json_refused_as.reason == make_error_code(error::feature_throttled));
    outcome superseded;
    std::move(first)(superseded.send_handler());
    s.in.settle();
    BOOST_TEST(superseded.calls == 0);
    std::move(second)(net::detached);
    s.in.settle();
    BOOST_TEST(superseded.calls == 1);
    BOOST_TEST(superseded.ec == make_error_code(error::message_superseded));
  }
}

BOOST_AUTO_TEST_CASE(a_large_string_is_moved_into_a_kept_send_and_left_alone_by_one_that_starts_at_once) {
  collecting_scenario s;
  const std::string expected(100'000, 'a');
  const auto text = std::make_unique<std::string>(expected);
  s.conn->send(std::move(*text), net::detached);
  BOOST_TEST((*text == expected));
  auto kept = s.conn->send(std::move(*text), {.feature = "some feature", .key = "some key"}, net::deferred);
  BOOST_TEST(text->empty());
  s.begin(std::move(kept));
  BOOST_TEST((s.got == std::vector<std::string>{expected, expected}));
}

BOOST_AUTO_TEST_CASE(a_kept_send_can_be_copied_and_started_more_than_once) {
  for (const std::size_t size : {10U, 1'000U}) {
    collecting_scenario s;
    const std::string expected(size, 'a');
    auto text = std::make_unique<std::string>(expected);
    auto copied = [&] {
      const auto kept = s.conn->send(*text, net::deferred);
      text.reset();
      kept(net::detached);
      auto copy = kept;
      kept(net::detached);
      return copy;
    }();
    s.begin(std::move(copied));
    BOOST_TEST((s.got == std::vector<std::string>(3, expected)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
