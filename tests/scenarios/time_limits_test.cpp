// The time limits of docs/asio.md: the two functions stand there as they stand here.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/version.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(time_limits)

namespace {

net::awaitable<std::optional<holdfast::message>> receive_within(holdfast::connection& conn,
                                                                std::chrono::seconds limit) {
  const auto here = co_await net::this_coro::executor;
  holdfast::timer timer(here);
  auto [order, ec, got, expired] =
      co_await net::experimental::make_parallel_group(conn.receive(net::bind_executor(here, net::deferred)),
                                                      timer.async_wait_until(holdfast::clock::now() + limit))
          .async_wait(net::experimental::wait_for_one(), net::deferred);
  if (!ec) co_return std::move(got);
  if (order[0] == 1) co_return std::nullopt;  // the limit came first
  throw boost::system::system_error(ec);
}

net::awaitable<bool> connect_within(holdfast::connection& conn, std::chrono::seconds limit) {
  using namespace net::experimental::awaitable_operators;
  holdfast::timer timer(co_await net::this_coro::executor);
  auto connected = conn.connect(net::as_tuple(net::use_awaitable));
  auto expired = timer.async_wait_until(holdfast::clock::now() + limit, net::use_awaitable);
  auto either = std::move(connected) || std::move(expired);
  const auto first = co_await std::move(either);
  if (first.index() == 1) conn.disconnect();  // otherwise it goes on connecting
  co_return first.index() == 0 && !std::get<0>(std::get<0>(first));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_receive_returns_the_message_or_ends_at_its_limit) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    timer pause(co_await net::this_coro::executor);
    co_await pause.async_wait_until(clock::now() + 3s, net::use_awaitable);
    co_await session.send("late");
    co_await session.echo();
  });
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::vector<std::string> got;
  s.in.spawn([](connection& of, std::vector<std::string>& into) -> net::awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      const auto next = co_await receive_within(of, 2s);
      into.push_back(next ? next->payload : "nothing");
    }
  }(conn, got));
  s.in.run_for(2500ms);
  BOOST_TEST((got == std::vector<std::string>{"nothing"}));
  s.in.run_for(1s);
  BOOST_TEST((got == std::vector<std::string>{"nothing", "late"}));
}

BOOST_AUTO_TEST_CASE(a_connect_that_takes_too_long_is_given_up) {
  for (const bool answers : {true, false}) {
    scenario s;
    s.given.mode = connect_mode::manual;
    s.in.network()->behave(server_at, answers ? port_behaviour::accepts : port_behaviour::swallows);
    auto& conn = s.start();
    std::optional<bool> connected;
    s.in.spawn([](connection& of, std::optional<bool>& into) -> net::awaitable<void> {
      into = co_await connect_within(of, 2s);
    }(conn, connected));
    s.in.run_for(3s);
    BOOST_REQUIRE(connected.has_value());
    BOOST_TEST(*connected == answers);
    const auto wanted = answers ? connection_state::connected : connection_state::disconnected;
    BOOST_TEST((conn.status() == wanted));
  }
}

#if BOOST_VERSION >= 108600
BOOST_AUTO_TEST_CASE(cancel_after_ends_a_receive_and_the_next_one_gets_the_message) {
  std::optional<error_code> ended;
  std::string got;
  scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.receive(net::cancel_after(1ms, [&](error_code ec, const message&) { ended = ec; }));
  // Its timer is Asio's own: it is real time that has to pass.
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (!ended && std::chrono::steady_clock::now() < give_up) s.in.settle();
  BOOST_TEST((ended == net::error::operation_aborted));
  conn.send("late", net::detached);
  conn.receive(net::cancel_after(1h, [&](error_code, message next) { got = std::move(next.payload); }));
  s.in.run_for(1s);
  BOOST_TEST(got == "late");
}
#endif

// covers R6
BOOST_AUTO_TEST_CASE(a_programs_decision_may_be_any_duration) {
  for (const auto wait : {clock::duration::max(), clock::duration::min()}) {
    scenario s;
    s.in.network()->behave(server_at, port_behaviour::refuses);
    int decisions = 0;
    s.given.retry.decide = [&](const attempt_record&, const retry_decision&) {
      return retry_decision{.retry_in = ++decisions < 5 ? std::optional(wait) : std::nullopt, .rule = "mine"};
    };
    s.start();
    s.in.run_for(24h);
    BOOST_TEST(decisions == (wait > clock::duration{} ? 1 : 5));
  }
}

BOOST_AUTO_TEST_SUITE_END()
