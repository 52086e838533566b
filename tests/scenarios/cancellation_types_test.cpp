// What each type of cancellation does to each operation while it waits: the table of docs/asio.md.
#include <boost/json.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(cancellation_types)

namespace {

using types = net::cancellation_type;

const std::vector<types> all_requests{types::none,
                                      types::terminal,
                                      types::partial,
                                      types::total,
                                      types::partial | types::total,
                                      types::terminal | types::total,
                                      types::all};

bool holds(types request, types one) { return (request & one) != types::none; }

struct waiting_operation {
  const char* name;
  // Brings the world into a state in which the operation has to wait, and starts it.
  std::function<void(scenario&, net::cancellation_slot, outcome&)> start;
  bool obeys_total;  // besides terminal and partial
};

// Connected, and nobody answers any more.
connection& fall_silent(scenario& s) {
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->silence_links();
  return conn;
}

// An attempt is under way, or will be, and comes to no end.
connection& start_in_vain(scenario& s) {
  s.in.network()->behave(server_at, port_behaviour::swallows);
  return s.start();
}

std::vector<waiting_operation> waiting_operations() {
  const auto with = [](net::cancellation_slot slot, auto handler) {
    return net::bind_cancellation_slot(slot, std::move(handler));
  };
  // Of a connection that is silent.
  const auto silent = [with](auto begin) {
    return [=](scenario& s, net::cancellation_slot slot, outcome& op) {
      begin(fall_silent(s), with(slot, op.handler()));
    };
  };
  // Of one that has no session.
  const auto offline = [with](auto begin) {
    return [=](scenario& s, net::cancellation_slot slot, outcome& op) {
      begin(start_in_vain(s), with(slot, op.send_handler()));
    };
  };
  constexpr send_options waits{.when_offline = offline_rule::wait};
  return {
      {"connect",
       [=](scenario& s, net::cancellation_slot slot, outcome& op) {
         s.given.mode = connect_mode::manual;
         start_in_vain(s).connect(with(slot, op.handler()));
       },
       true},
      {"disconnect", silent([](connection& c, auto token) { c.disconnect(std::move(token)); }), true},
      {"close", silent([](connection& c, auto token) { c.close(std::move(token)); }), true},
      {"ping", silent([](connection& c, auto token) { c.ping(std::move(token)); }), false},
      {"migrate",
       [=](scenario& s, net::cancellation_slot slot, outcome& op) {
         auto& conn = fall_silent(s);
         s.in.network()->behave(server_at, port_behaviour::swallows);
         conn.migrate(with(slot, op.handler()));
       },
       false},
      {"next_state", silent([](connection& c, auto token) { c.next_state(std::move(token)); }), true},
      {"next_state after a number",
       silent([](connection& c, auto token) { c.next_state(c.snapshot().sequence, std::move(token)); }),
       true},
      {"wait_for", silent([](connection& c, auto token) {
         c.wait_for(connection_state::feature_throttled, std::move(token));
       }),
       true},
      {"a watch",
       [=](scenario& s, net::cancellation_slot slot, outcome& op) {
         auto watch = s.conn.emplace(s.in.executor(), s.given).watch();
         watch.next_state(with(slot, op.handler()));
       },
       true},
      {"receive", silent([](connection& c, auto token) { c.receive(std::move(token)); }), true},
      {"receive_batch", silent([](connection& c, auto token) { c.receive_batch(std::move(token)); }), true},
      {"receive_json", silent([](connection& c, auto token) { c.receive_json(std::move(token)); }), true},
      {"send, while it waits for a session",
       offline([=](connection& c, auto token) { c.send("text", waits, std::move(token)); }), true},
      {"send_json, while it waits for a session", offline([=](connection& c, auto token) {
         c.send_json(boost::json::value(1), waits, std::move(token));
       }),
       true},
      {"send, while it waits for the socket",
       [=](scenario& s, net::cancellation_slot slot, outcome& op) {
         auto& conn = fall_silent(s);
         conn.send(std::string(100'000, 'x'), net::detached);  // more than the window holds
         conn.send("text", with(slot, op.send_handler()));
       },
       false}};
}

}  // namespace

// covers R34
BOOST_AUTO_TEST_CASE(each_operation_obeys_the_types_whose_promise_it_can_keep) {
  for (const auto& each : waiting_operations()) {
    for (const auto request : all_requests) {
      BOOST_TEST_CONTEXT(each.name << ", type " << static_cast<unsigned>(request)) {
        outcome op;
        net::cancellation_signal signal;
        scenario s;
        each.start(s, signal.slot(), op);
        s.in.settle();
        BOOST_REQUIRE(op.calls == 0);
        signal.emit(request);
        s.in.settle();
        const bool obeyed = holds(request, types::terminal | types::partial) ||
                            (each.obeys_total && holds(request, types::total));
        BOOST_TEST(op.calls == (obeyed ? 1 : 0));
        BOOST_TEST((op.ec == net::error::operation_aborted) == obeyed);
        s.conn.reset();
        s.in.run_for(1min);
        BOOST_TEST(op.calls == 1);
      }
    }
  }
}

// covers R34
BOOST_AUTO_TEST_CASE(run_closes_at_terminal_and_partial_and_goes_on_at_total) {
  for (const auto request : all_requests) {
    BOOST_TEST_CONTEXT("type " << static_cast<unsigned>(request)) {
      outcome ran;
      net::cancellation_signal signal;
      scenario s;
      auto& conn = s.conn.emplace(s.in.executor(), s.given);
      conn.run(net::bind_cancellation_slot(signal.slot(), ran.handler()));
      BOOST_REQUIRE(s.reaches(connection_state::connected));
      signal.emit(request);
      s.in.run_for(s.given.close_timeout);
      const bool obeyed = holds(request, types::terminal | types::partial);
      BOOST_TEST(ran.calls == (obeyed ? 1 : 0));
      BOOST_TEST((ran.ec == net::error::operation_aborted) == obeyed);
      BOOST_TEST((conn.status() == connection_state::connected) == !obeyed);
    }
  }
}

BOOST_AUTO_TEST_CASE(total_withdraws_a_message_that_waits_and_leaves_one_alone_that_may_have_left) {
  outcome waiting, leaving;
  net::cancellation_signal withdraw, keep;
  std::vector<std::string> got;
  scenario s;
  s.backend.on_session([&got](server_session& session) -> net::awaitable<void> {
    co_await session.stop_reading_for(10s);
    while (auto next = co_await session.receive()) got.push_back(next->payload.substr(0, 1));
  });
  auto& conn = s.start();
  conn.send("withdrawn", {.when_offline = offline_rule::wait},
            net::bind_cancellation_slot(withdraw.slot(), waiting.send_handler()));
  withdraw.emit(types::total);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST((waiting.delivered == delivery::not_sent));
  conn.send(std::string(100'000, 'x'), net::detached);  // more than the window holds
  conn.send("kept", net::bind_cancellation_slot(keep.slot(), leaving.send_handler()));
  keep.emit(types::total);
  s.in.run_for(20s);
  BOOST_TEST(leaving.calls == 1);
  BOOST_TEST((leaving.delivered == delivery::written));
  BOOST_TEST((got == std::vector<std::string>{"x", "k"}));
}

BOOST_AUTO_TEST_SUITE_END()
