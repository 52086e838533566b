// Look-ups of names that hang: whom they do not delay. The resolver of these tests holds names until it is
// told to let them go, so nothing here depends on time.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "held_resolver.hpp"

#ifdef __linux__
#include <net/if.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

// ThreadSanitizer forbids threads in a child that was forked from several.
#if defined(__SANITIZE_THREAD__)
#define HOLDFAST_CHILD_MAY_HAVE_THREADS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOLDFAST_CHILD_MAY_HAVE_THREADS 0
#endif
#endif
#ifndef HOLDFAST_CHILD_MAY_HAVE_THREADS
#define HOLDFAST_CHILD_MAY_HAVE_THREADS 1
#endif

BOOST_AUTO_TEST_SUITE(lookups)

// covers R48
BOOST_AUTO_TEST_CASE(two_hundred_names_that_hang_do_not_delay_another_one) {
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  askers here;
  for (int n = 0; n < 200; ++n) here.ask(pool, "hung-" + std::to_string(n));
  BOOST_REQUIRE(resolver.holds(200));
  const auto& good = here.ask(pool, "good");
  BOOST_REQUIRE(here.run_until([&] { return good.has_value(); }));
  BOOST_REQUIRE(good->has_value());
  BOOST_TEST((**good == std::vector{some_address}));
  BOOST_TEST(!here.answers.front()->has_value());
}

// covers R48
BOOST_AUTO_TEST_CASE(two_hundred_askers_of_one_name_that_hangs_leave_threads_to_others) {
  held_resolver resolver;
  lookup_pool pool(resolver.function(), {.shared_for = 0ms});
  askers here;
  for (int n = 0; n < 200; ++n) {
    here.ask(pool, "hung");
    BOOST_REQUIRE(resolver.holds(std::min(n + 1, 4)));
  }
  const auto& good = here.ask(pool, "good");
  BOOST_TEST(here.run_until([&] { return good.has_value(); }));
  BOOST_TEST(resolver.calls("hung") == 4);
  resolver.let_go();
  BOOST_TEST(here.run_until([&] { return here.all_found(); }));
  BOOST_TEST(resolver.calls("hung") == 4);
}

// covers R48
BOOST_AUTO_TEST_CASE(a_context_ends_while_its_names_hang) {
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  auto here = std::make_unique<askers>();
  for (int n = 0; n < 10; ++n) here->ask(pool, "hung-" + std::to_string(n % 5));
  BOOST_REQUIRE(resolver.holds(5));
  here.reset();  // would wait for ever, if it waited for them
  BOOST_TEST(resolver.holds(5));
}

// covers R48
BOOST_AUTO_TEST_CASE(an_answer_on_its_way_and_the_end_of_its_context_may_meet) {
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  for (int n = 0; n < 200; ++n) {
    askers here;
    for (int each = 0; each < 4; ++each) here.ask(pool, "good-" + std::to_string(each));
  }
}

// covers R48
BOOST_AUTO_TEST_CASE(the_pool_ends_while_a_name_hangs_and_its_asker_is_answered_later) {
  held_resolver resolver;
  askers here;
  {
    lookup_pool pool(resolver.function());
    here.ask(pool, "hung");
    BOOST_REQUIRE(resolver.holds(1));
  }
  resolver.let_go();
  BOOST_TEST(here.run_until([&] { return here.all_found(); }));
}

// covers R48
BOOST_AUTO_TEST_CASE(a_cancelled_asker_leaves_at_once_and_the_others_stay) {
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  askers here;
  const auto& other = here.ask(pool, "hung");
  net::cancellation_signal cancel;
  std::optional<found> answer;
  net::co_spawn(here.io, keep(pool, "hung", answer),
                net::bind_cancellation_slot(cancel.slot(), [](const std::exception_ptr&) {}));
  here.io.poll();
  BOOST_REQUIRE(resolver.holds(1));
  cancel.emit(net::cancellation_type::terminal);
  here.io.restart();
  here.io.poll();
  BOOST_TEST(is_aborted(answer));
  BOOST_TEST(!other.has_value());
  resolver.let_go();
  BOOST_TEST(here.run_until([&] { return here.all_found(); }));
}

// A caller may still have something to do, and finds cancellations as it has set them.
BOOST_AUTO_TEST_CASE(an_asker_that_is_cancelled_goes_on_as_it_was) {
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  askers here;
  net::cancellation_signal cancel;
  std::vector<found> answers;
  std::optional<bool> throws;
  net::co_spawn(
      here.io,
      [&]() -> net::awaitable<void> {
        answers.push_back(co_await pool.resolve("hung"));
        throws = co_await net::this_coro::throw_if_cancelled();
        co_await net::this_coro::throw_if_cancelled(false);
        answers.push_back(co_await pool.resolve("good"));
      },
      net::bind_cancellation_slot(cancel.slot(), [](const std::exception_ptr&) {}));
  here.io.poll();
  cancel.emit(net::cancellation_type::terminal);
  here.io.restart();
  here.io.poll();
  BOOST_TEST((throws == true));
  BOOST_REQUIRE(answers.size() == 2U);
  for (const auto& each : answers) BOOST_TEST(is_aborted(each));
}

// covers R48
BOOST_AUTO_TEST_CASE(a_thousand_askers_of_one_name_share_one_look_up) {
  held_resolver resolver;
  lookup_pool pool(resolver.function(), {.shared_for = 1h});
  askers here;
  for (int n = 0; n < 1000; ++n) here.ask(pool, "hung");
  BOOST_REQUIRE(resolver.holds(1));
  resolver.let_go();
  BOOST_TEST(here.run_until([&] { return here.all_found(); }));
  BOOST_TEST(resolver.calls("hung") == 1);
  const auto& later = here.ask(pool, "hung");  // nothing is kept: it is looked up afresh
  BOOST_TEST(here.run_until([&] { return later.has_value(); }));
  BOOST_TEST(resolver.calls("hung") == 2);
}

// covers R48
BOOST_AUTO_TEST_CASE(look_ups_beyond_the_bound_wait_for_a_thread) {
  held_resolver resolver;
  lookup_pool pool(resolver.function(), {.threads = 3});
  askers here;
  for (int n = 0; n < 10; ++n) here.ask(pool, "hung-" + std::to_string(n));
  BOOST_REQUIRE(resolver.holds(3));
  resolver.let_go();
  BOOST_TEST(here.run_until([&] { return here.all_found(); }));
  BOOST_TEST(resolver.most_at_once() == 3);
}

// covers R48
BOOST_AUTO_TEST_CASE(a_look_up_that_nobody_waits_for_any_more_is_not_begun) {
  held_resolver resolver;
  lookup_pool pool(resolver.function(), {.threads = 1});
  askers here;
  here.ask(pool, "hung");
  BOOST_REQUIRE(resolver.holds(1));
  {
    askers others;
    others.ask(pool, "left behind");
  }
  const auto& last = here.ask(pool, "last");
  resolver.let_go();
  BOOST_TEST(here.run_until([&] { return last.has_value(); }));
  BOOST_TEST(resolver.calls("left behind") == 0);
}

BOOST_AUTO_TEST_CASE(a_failure_reaches_the_asker_as_it_is) {
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  askers here;
  const error_code why = net::error::host_not_found_try_again;
  resolver.fail("bad", why);
  const auto& answer = here.ask(pool, "bad");
  BOOST_REQUIRE(here.run_until([&] { return answer.has_value(); }));
  BOOST_REQUIRE(answer->has_error());
  BOOST_TEST((answer->error() == why));
}

BOOST_AUTO_TEST_CASE(a_function_that_throws_has_failed) {
  lookup_pool pool([](const std::string& name) -> found {
    if (name == "code") throw boost::system::system_error(net::error::no_memory);
    throw 1;
  });
  askers here;
  const auto& code = here.ask(pool, "code");
  const auto& other = here.ask(pool, "other");
  BOOST_REQUIRE(here.run_until([&] { return code && other; }));
  BOOST_TEST((code->error() == net::error::no_memory));
  BOOST_TEST((other->error() == net::error::no_recovery));
}

BOOST_AUTO_TEST_CASE(literals_are_not_looked_up) {
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  askers here;
  for (const std::string text : {"192.0.2.1", "2001:db8::1", "fe80::1"}) {
    const auto& answer = here.ask(pool, text);
    BOOST_REQUIRE((answer && answer->has_value()));
    BOOST_TEST((**answer == std::vector{net::ip::make_address(text)}));
    BOOST_TEST(resolver.calls(text) == 0);
  }
}

#ifdef __linux__

BOOST_AUTO_TEST_CASE(the_zone_of_a_literal_is_an_interface_by_name_or_number) {
  const auto index = ::if_nametoindex("lo");
  BOOST_REQUIRE(index != 0U);
  held_resolver resolver;
  lookup_pool pool(resolver.function());
  askers here;
  for (const auto& zone : {std::string("lo"), std::to_string(index)}) {
    const auto& answer = here.ask(pool, "fe80::1%" + zone);
    BOOST_REQUIRE((answer && answer->has_value() && answer->value().size() == 1));
    BOOST_TEST(answer->value().front().to_v6().scope_id() == index);
  }
  for (const auto* const zone : {"no-such-link", "4000000000", ""}) {
    const auto& answer = here.ask(pool, std::string("fe80::1%") + zone);
    BOOST_REQUIRE((answer && answer->has_error()));
    BOOST_TEST((answer->error() == boost::system::errc::no_such_device));
  }
}

#endif

BOOST_AUTO_TEST_CASE(the_real_network_knows_localhost) {
  askers here;
  std::optional<result<std::vector<peer_address>>> answer;
  net::co_spawn(
      here.io,
      [&]() -> net::awaitable<void> { answer = co_await real_network()->resolve("localhost", 1234); },
      net::detached);
  BOOST_REQUIRE(here.run_until([&] { return answer.has_value(); }));
  BOOST_REQUIRE(answer->has_value());
  BOOST_REQUIRE(!answer->value().empty());
  for (const auto& each : answer->value()) {
    BOOST_TEST(each.address.is_loopback());
    BOOST_TEST(each.port == 1234);
  }
}

#if defined(__linux__) && HOLDFAST_CHILD_MAY_HAVE_THREADS

// A child process, because the end of this one would be the end of the tests.
// covers R48
BOOST_AUTO_TEST_CASE(a_process_ends_while_a_name_hangs) {
  std::cout.flush();
  const auto child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    static std::promise<void> begun;
    static lookup_pool pool([](const std::string&) -> found {
      begun.set_value();
      std::promise<void>().get_future().wait_for(1h);
      return std::vector{some_address};
    });
    static askers here;
    here.ask(pool, "hung");
    begun.get_future().wait_for(patience);
    std::exit(17);  // with all destructors of statics
  }
  int status = 0;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (::waitpid(child, &status, WNOHANG) == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 17));
  if (!WIFEXITED(status)) ::kill(child, SIGKILL);
}

#endif

BOOST_AUTO_TEST_SUITE_END()
