// The handle itself: what moving it does, and where those who wait on it are called.
#include <functional>
#include <memory>
#include <utility>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(the_handle)

namespace {

// Passes on whatever the server says.
class relay final : public protocol {
 public:
  explicit relay(std::function<void()> to) : to_(std::move(to)) {}
  void opened(protocol_link& link, const session_facts&) override { link.ready({}); }
  void received(protocol_link&, message_view) override { to_(); }

 private:
  std::function<void()> to_;
};

}  // namespace

// covers G43
BOOST_AUTO_TEST_CASE(assigning_to_a_handle_ends_its_own_connection_and_goes_on_with_the_other) {
  std::optional<error_code> first_ended, second_ended;
  std::string answer;
  scenario s;
  connection first(s.in.executor(), s.given);
  connection second(s.in.executor(), s.given);
  first.run([&](error_code ec) { first_ended = ec; });
  second.run([&](error_code ec) { second_ended = ec; });
  s.in.run_for(1s);
  BOOST_REQUIRE(s.in.network()->open_links() == 2U);
  const recorder seen(first);
  second = std::move(first);
  s.in.settle();
  BOOST_TEST((second_ended == error_code(net::error::operation_aborted)));
  BOOST_TEST(!first_ended.has_value());
  BOOST_TEST(s.in.network()->open_links() == 1U);
  second.send("still there", net::detached);
  second.receive([&](error_code, message got) { answer = std::move(got.payload); });
  s.in.run_for(20s);
  BOOST_TEST(answer == "still there");
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_TEST(seen.states() == "disconnected connecting connected");
}

BOOST_AUTO_TEST_CASE(a_moved_handle_is_the_same_connection) {
  scenario s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  connection moved(std::move(*s.conn));
  s.conn.reset();  // an empty handle, whose end means nothing
  s.in.run_for(1min);
  BOOST_TEST((moved.status() == connection_state::connected));
  BOOST_TEST(!s.run_ended.has_value());
}

// covers R34
BOOST_AUTO_TEST_CASE(each_handler_is_called_on_its_own_executor_which_has_work_until_then) {
  using begin = std::function<void(connection&, const net::any_io_executor&, int&)>;
  const auto on = [](const net::any_io_executor& where, int& calls) {
    return net::bind_executor(where, [&calls](const auto&...) { ++calls; });
  };
  const std::vector<std::pair<const char*, begin>> operations = {
      {"next_state", [&](connection& c, const auto& at, int& n) { c.next_state(on(at, n)); }},
      {"wait_for",
       [&](connection& c, const auto& at, int& n) { c.wait_for(connection_state::disconnected, on(at, n)); }},
      {"receive", [&](connection& c, const auto& at, int& n) { c.receive(on(at, n)); }},
      {"receive_batch", [&](connection& c, const auto& at, int& n) { c.receive_batch(on(at, n)); }},
      {"send", [&](connection& c, const auto& at, int& n) { c.send(std::string(100'000, 'x'), on(at, n)); }},
      {"ping", [&](connection& c, const auto& at, int& n) { c.ping(on(at, n)); }},
      {"close", [&](connection& c, const auto& at, int& n) { c.close(on(at, n)); }},
  };
  for (const auto& [name, start] : operations) {
    BOOST_TEST_CONTEXT(name) {
      net::io_context elsewhere;
      int calls = 0;
      scenario s;
      auto& conn = s.start();
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      s.in.network()->silence_links();  // so that each has to wait
      start(conn, elsewhere.get_executor(), calls);
      s.in.settle();
      elsewhere.poll();
      BOOST_TEST(calls == 0);
      BOOST_TEST(!elsewhere.stopped());  // an operation under way is work
      conn.close(net::detached);
      s.in.run_for(1min);
      BOOST_TEST(calls == 0);
      elsewhere.poll();
      BOOST_TEST(calls == 1);
      BOOST_TEST(elsewhere.stopped());
    }
  }
}

// covers R33
BOOST_AUTO_TEST_CASE(an_operation_that_ends_within_the_turn_of_another_connection_ends_on_its_own_executor) {
  outcome refused, asked;
  net::io_context elsewhere;
  connection other(elsewhere, {.url = "ws://server/"});
  scenario s;
  s.given.protocol = [&] {
    return std::make_unique<relay>([&] {
      other.send("passed on", refused.send_handler());  // there is no session
      other.wait_for(connection_state::disconnected, asked.handler());
    });
  };
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    timer pause(co_await net::this_coro::executor);
    co_await pause.async_wait_until(clock::now() + 1s, net::use_awaitable);
    co_await session.send("pass it on");
    co_await session.echo();
  });
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(5s);
  for (const auto* each : {&refused, &asked}) BOOST_TEST(each->calls == 0);
  elsewhere.poll();
  for (const auto* each : {&refused, &asked}) BOOST_TEST(each->calls == 1);
  BOOST_TEST(refused.ec == make_error_code(error::no_connection));
  BOOST_TEST(!asked.ec);
}

BOOST_AUTO_TEST_SUITE_END()
