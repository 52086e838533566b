// Credentials that many share: fetched once for all, kept until they end or are refused, and what happens to
// those who wait when a fetch fails, hangs, or loses them.
#include <deque>
#include <exception>
#include <stdexcept>

#include "scenario.hpp"

namespace {

// Gives out tokens "1", "2", …, each after a while.
struct issuer {
  explicit issuer(world& in, token_source_options how = {})
      : source(in.executor(), [this] { return fetch(); }, how) {}

  net::awaitable<credentials> fetch() {
    ++started;
    const auto number = std::to_string(started);
    timer wait(co_await net::this_coro::executor);
    for (const auto end = clock::now() + takes; clock::now() < end;) {
      const auto [ec] = co_await wait.async_wait_until(end, net::as_tuple(net::deferred));
      if (ec && !deaf) ++cancelled;
      if (ec && !deaf) throw boost::system::system_error(ec);
      if (ec) co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
    }
    ++ended;
    if (down) throw std::runtime_error("issuer is down");
    credentials out{.token = number};
    if (lives) out.expires_at = clock::now() + *lives;
    co_return out;
  }

  clock::duration takes = 100ms;
  std::optional<clock::duration> lives{};
  bool down = false;
  bool deaf = false;  // a fetch does not heed its cancellation
  int started = 0, ended = 0, cancelled = 0;
  token_source source;
};

// One who asks, and what became of it.
struct caller {
  void ask(world& in, const credential_provider& provider, credential_request request = {}) {
    net::co_spawn(
        in.executor(), provider(std::move(request)),
        net::bind_cancellation_slot(cancel.slot(), [this](std::exception_ptr why, credentials what) {
          ++calls;
          thrown = why;
          got = std::move(what);
        }));
  }
  void stop() { cancel.emit(net::cancellation_type::terminal); }
  [[nodiscard]] bool has(std::string_view token) const { return calls == 1 && !thrown && got.token == token; }
  [[nodiscard]] bool failed_with(error_code wanted) const {
    if (calls != 1 || !thrown) return false;
    try {
      std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& e) {
      return e.code() == wanted;
    } catch (const std::exception&) {
      return false;
    }
  }
  [[nodiscard]] bool failed_with(std::string_view text) const {
    if (calls != 1 || !thrown) return false;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      return e.what() == text;
    }
  }

  net::cancellation_signal cancel;
  int calls = 0;
  std::exception_ptr thrown;
  credentials got;
};

// Asks, and lets enough time pass for an answer.
credentials ask_now(world& in, issuer& from, credential_request request = {}) {
  caller one;
  one.ask(in, from.source.as_provider(), std::move(request));
  in.run_for(from.takes + 1ms);
  BOOST_REQUIRE(one.calls == 1);
  BOOST_REQUIRE(!one.thrown);
  return one.got;
}

credential_request refusing(const credentials& last) { return {.refused = true, .serial = last.serial}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(token_sources)

// covers R41
BOOST_AUTO_TEST_CASE(all_who_ask_during_a_fetch_get_what_it_brings) {
  world in;
  issuer from(in);
  std::deque<caller> callers(20);
  for (auto& each : callers) {
    each.ask(in, from.source.as_provider());
    in.run_for(4ms);
  }
  in.run_for(100ms);
  BOOST_TEST(from.started == 1);
  for (const auto& each : callers) BOOST_TEST(each.has("1"));
}

BOOST_AUTO_TEST_CASE(what_is_kept_needs_no_time_and_no_fetch) {
  world in;
  issuer from(in);
  ask_now(in, from);
  caller second;
  second.ask(in, from.source.as_provider());
  in.settle();
  BOOST_TEST(second.has("1"));
  BOOST_TEST(from.started == 1);
}

// covers G32
BOOST_AUTO_TEST_CASE(credentials_are_fetched_anew_shortly_before_they_end) {
  world in;
  issuer from(in, {.refresh_ahead = 30s});
  from.lives = 10min;
  const auto first = ask_now(in, from);
  in.run_for(*first.expires_at - 30s - in.now() - 1ns);
  caller in_time;
  in_time.ask(in, from.source.as_provider());
  in.settle();
  BOOST_TEST(in_time.has("1"));
  in.run_for(1ns);
  BOOST_TEST(ask_now(in, from).token == "2");
  BOOST_TEST(from.started == 2);
}

BOOST_AUTO_TEST_CASE(credentials_that_live_shorter_than_refresh_ahead_serve_those_who_waited) {
  world in;
  issuer from(in, {.refresh_ahead = 30s});
  from.lives = 20s;
  BOOST_TEST(ask_now(in, from).token == "1");
  BOOST_TEST(ask_now(in, from).token == "2");
}

BOOST_AUTO_TEST_CASE(credentials_without_an_end_are_kept_until_they_are_refused) {
  world in;
  issuer from(in);
  const auto first = ask_now(in, from);
  in.run_for(24h * 1000);
  BOOST_TEST(ask_now(in, from).token == "1");
  BOOST_TEST(ask_now(in, from, refusing(first)).token == "2");
  BOOST_TEST(ask_now(in, from).token == "2");
  BOOST_TEST(from.started == 2);
}

// covers R41
BOOST_AUTO_TEST_CASE(a_hundred_refusals_of_the_same_credentials_are_one_fetch) {
  world in;
  issuer from(in);
  const auto first = ask_now(in, from);
  std::deque<caller> callers(100);
  for (auto& each : callers) {
    each.ask(in, from.source.as_provider(), refusing(first));
    in.run_for(2ms);  // half of them come when the new ones are there
  }
  in.run_for(100ms);
  BOOST_TEST(from.started == 2);
  for (const auto& each : callers) BOOST_TEST(each.has("2"));
}

BOOST_AUTO_TEST_CASE(a_refusal_of_the_newest_or_of_unknown_ones_is_a_fetch) {
  world in;
  issuer from(in);
  ask_now(in, from);
  const auto second = ask_now(in, from, {.refused = true});
  BOOST_TEST(second.token == "2");
  BOOST_TEST(second.serial == 2U);
  BOOST_TEST(ask_now(in, from, refusing(second)).token == "3");
}

BOOST_AUTO_TEST_CASE(a_failure_is_thrown_to_all_who_wait_and_is_not_remembered) {
  world in;
  issuer from(in);
  from.down = true;
  caller one;
  caller other;
  one.ask(in, from.source.as_provider());
  other.ask(in, from.source.as_provider());
  in.run_for(100ms);
  BOOST_TEST(one.failed_with("issuer is down"));
  BOOST_TEST(other.failed_with("issuer is down"));
  from.down = false;
  BOOST_TEST(ask_now(in, from).token == "2");
}

BOOST_AUTO_TEST_CASE(a_fetch_that_throws_before_it_waits_is_a_failure_too) {
  world in;
  token_source source(in.executor(), []() -> net::awaitable<credentials> { throw std::runtime_error("no"); });
  caller one;
  one.ask(in, source.as_provider());
  in.settle();
  BOOST_TEST(one.failed_with("no"));
}

BOOST_AUTO_TEST_CASE(a_failed_refresh_leaves_what_is_still_good_to_those_who_were_not_refused) {
  world in;
  issuer from(in, {.refresh_ahead = 30s});
  from.lives = 60s;
  const auto first = ask_now(in, from);
  in.run_for(40s);
  from.down = true;
  caller patient;
  caller refused;
  patient.ask(in, from.source.as_provider());
  refused.ask(in, from.source.as_provider(), refusing(first));
  in.run_for(1s);
  BOOST_TEST(patient.has("1"));
  BOOST_TEST(refused.failed_with("issuer is down"));
  in.run_for(20s);
  caller late;
  late.ask(in, from.source.as_provider());
  in.run_for(1s);
  BOOST_TEST(late.failed_with("issuer is down"));
}

BOOST_AUTO_TEST_CASE(who_stops_waiting_disturbs_nobody_else) {
  world in;
  issuer from(in);
  caller first;
  caller second;
  first.ask(in, from.source.as_provider());
  second.ask(in, from.source.as_provider());
  in.run_for(50ms);
  first.stop();
  in.settle();
  BOOST_TEST(first.failed_with(net::error::operation_aborted));
  BOOST_TEST(second.calls == 0);
  in.run_for(50ms);
  BOOST_TEST(second.has("1"));
  BOOST_TEST(first.calls == 1);
  BOOST_TEST(from.cancelled == 0);
}

BOOST_AUTO_TEST_CASE(a_fetch_that_nobody_waits_for_is_cancelled_and_the_next_to_ask_begins_anew) {
  world in;
  issuer from(in);
  caller first;
  caller second;
  first.ask(in, from.source.as_provider());
  second.ask(in, from.source.as_provider());
  in.run_for(50ms);
  first.stop();
  second.stop();
  in.settle();
  BOOST_TEST(from.cancelled == 1);
  BOOST_TEST(ask_now(in, from).token == "2");
}

// What comes from an abandoned fetch must not displace what is newer.
BOOST_AUTO_TEST_CASE(a_fetch_that_does_not_heed_its_cancellation_brings_nothing) {
  world in;
  issuer from(in);
  from.deaf = true;
  caller first;
  first.ask(in, from.source.as_provider());
  in.run_for(50ms);
  first.stop();
  in.settle();
  from.takes = 10ms;
  const auto second = ask_now(in, from);
  in.run_for(100ms);
  BOOST_TEST(from.ended == 2);
  BOOST_TEST(second.token == "2");
  BOOST_TEST(ask_now(in, from).token == "2");
}

BOOST_AUTO_TEST_CASE(a_fetch_that_hangs_ends_at_its_deadline_also_if_somebody_always_waits) {
  world in;
  issuer from(in, {.fetch_deadline = 10s});
  from.takes = 24h;
  caller first;
  caller second;
  first.ask(in, from.source.as_provider());
  in.run_for(6s);
  second.ask(in, from.source.as_provider());
  first.stop();
  in.run_for(4s - 1ns);
  BOOST_TEST(second.calls == 0);
  in.run_for(1ns);
  BOOST_TEST(second.failed_with(make_error_code(error::timed_out)));
  BOOST_TEST(from.cancelled == 1);
  from.takes = 1s;
  BOOST_TEST(ask_now(in, from).token == "2");
}

BOOST_AUTO_TEST_CASE(who_is_cancelled_in_the_turn_in_which_it_asks_leaves_no_fetch_behind) {
  world in;
  issuer from(in);
  caller one;
  net::post(in.executor(), [&] {
    one.ask(in, from.source.as_provider());
    one.stop();
  });
  in.settle();
  BOOST_TEST(one.failed_with(net::error::operation_aborted));
  BOOST_TEST(from.started == from.cancelled);
}

BOOST_AUTO_TEST_CASE(a_cancellation_at_any_moment_ends_the_waiting_once) {
  for (auto moment = 0ms; moment <= 110ms; moment += 10ms) {
    BOOST_TEST_CONTEXT("after " << moment.count() << " ms") {
      world in;
      issuer from(in);
      caller one;
      caller other;
      one.ask(in, from.source.as_provider());
      other.ask(in, from.source.as_provider());
      in.run_for(moment);  // also at 0 ms it has begun
      one.stop();
      in.run_for(200ms);
      BOOST_TEST((one.has("1") || one.failed_with(net::error::operation_aborted)));
      BOOST_TEST(other.has("1"));
    }
  }
}

// Providers are kept by connections, which may outlive the variable that they were made from.
BOOST_AUTO_TEST_CASE(the_source_lives_as_long_as_a_provider_of_it) {
  world in;
  auto from = std::make_unique<issuer>(in);
  auto other = std::make_unique<token_source>(from->source);
  const auto provider = other->as_provider();
  other.reset();
  caller one;
  one.ask(in, provider);
  in.run_for(100ms);
  BOOST_TEST(one.has("1"));
}

BOOST_AUTO_TEST_CASE(copies_of_a_source_keep_the_same) {
  world in;
  issuer from(in);
  ask_now(in, from);
  caller one;
  one.ask(in, token_source(from.source).as_provider());
  in.settle();
  BOOST_TEST(one.has("1"));
}

// Made to be run under AddressSanitizer too: nobody is told, nothing is leaked.
BOOST_AUTO_TEST_CASE(a_world_may_end_in_the_middle_of_a_fetch) {
  std::weak_ptr<int> held;
  {
    world in;
    const auto token = std::make_shared<int>();
    held = token;
    token_source source(in.executor(), [token]() -> net::awaitable<credentials> {
      timer wait(co_await net::this_coro::executor);
      co_await wait.async_wait_until(clock::now() + 1h, net::use_awaitable);
      co_return credentials{};
    });
    for (int i = 0; i < 3; ++i) {
      net::co_spawn(in.executor(), source.as_provider()({}),
                    [](std::exception_ptr, const credentials&) { BOOST_ERROR("nobody is left to be told"); });
    }
    in.run_for(1s);
  }
  BOOST_TEST(held.expired());
}

BOOST_AUTO_TEST_CASE(a_source_that_makes_no_sense_is_refused) {
  world in;
  const auto fetch = []() -> net::awaitable<credentials> { co_return credentials{}; };
  const auto refused = [&](token_source_options how, std::string_view field) {
    BOOST_CHECK_EXCEPTION(token_source(in.executor(), fetch, how), std::invalid_argument,
                          [&](const std::invalid_argument& problem) {
                            return std::string_view(problem.what())
                                .starts_with("token_source_options." + std::string(field) + ": ");
                          });
  };
  refused({.refresh_ahead = -1ms}, "refresh_ahead");
  refused({.refresh_ahead = 24h * 366}, "refresh_ahead");
  refused({.fetch_deadline = 0ms}, "fetch_deadline");
  refused({.fetch_deadline = std::chrono::milliseconds::max()}, "fetch_deadline");
  BOOST_CHECK_THROW(token_source(in.executor(), nullptr), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
