// A function that is called with each message, for programs without coroutines.
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "received.hpp"

BOOST_AUTO_TEST_SUITE(message_handlers)

namespace {

// A server that says numbers, as many as it is asked for.
struct number_scenario : scenario {
  number_scenario() {
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      while (auto next = co_await session.receive()) {
        for (auto left = std::stoi(next->payload); left > 0; --left) {
          co_await session.send(std::to_string(said++));
        }
      }
    });
  }
  connection& connect() {
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
    return *conn;
  }
  void ask_for(int count) {
    conn->send(std::to_string(count), net::detached);
    in.run_for(1s);
  }
  [[nodiscard]] auto keeps() {
    return [this](const message_view& one) { got.emplace_back(one.payload); };
  }
  int said = 0;
  std::vector<std::string> got;
};

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> out;
  for (; from < to; ++from) out.push_back(std::to_string(from));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_message_comes_once_and_in_order_over_reconnects) {
  number_scenario s;
  auto& conn = s.connect();
  conn.set_message_handler(s.keeps());
  s.ask_for(200);
  s.in.network()->reset_links();
  s.in.run_for(10s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.ask_for(3);
  BOOST_TEST((s.got == numbers(0, 203)));
}

BOOST_AUTO_TEST_CASE(what_came_before_there_was_a_handler_is_handled) {
  number_scenario s;
  auto& conn = s.connect();
  s.ask_for(5);
  conn.set_message_handler(s.keeps());
  s.in.run_for(1s);
  BOOST_TEST((s.got == numbers(0, 5)));
}

BOOST_AUTO_TEST_CASE(a_handler_can_end_itself_and_the_rest_waits_in_its_order) {
  number_scenario s;
  auto& conn = s.connect();
  conn.set_message_handler([&](const message_view& one) {
    s.got.emplace_back(one.payload);
    if (s.got.size() == 3) conn.set_message_handler({});
  });
  s.ask_for(10);
  BOOST_TEST((s.got == numbers(0, 3)));
  s.ask_for(2);
  net::co_spawn(s.in.executor(), receive_into(conn, s.got), net::detached);
  s.in.run_for(1s);
  BOOST_TEST((s.got == numbers(0, 12)));
}

// While it is called, more comes; when it ends, a part of what it had taken is left.
BOOST_AUTO_TEST_CASE(what_a_handler_leaves_is_received_before_what_came_later) {
  number_scenario s;
  s.given.limits.inbound_messages = 300;
  auto& conn = s.connect();
  s.ask_for(900);
  conn.set_message_handler([&](const message_view& one) {
    s.got.emplace_back(one.payload);
    if (s.got.size() == 266) conn.set_message_handler({});
  });
  s.in.run_for(1s);
  BOOST_TEST((s.got == numbers(0, 266)));
  net::co_spawn(s.in.executor(), receive_into(conn, s.got), net::detached);
  s.in.run_for(1s);
  BOOST_TEST((s.got == numbers(0, 900)));
}

BOOST_AUTO_TEST_CASE(a_handler_can_be_replaced_from_within_and_set_anew) {
  number_scenario s;
  auto& conn = s.connect();
  std::vector<std::string> second;
  conn.set_message_handler([&](const message_view& one) {
    s.got.emplace_back(one.payload);
    if (s.got.size() == 3) {
      conn.set_message_handler([&](const message_view& other) { second.emplace_back(other.payload); });
    }
  });
  s.ask_for(10);
  BOOST_TEST((s.got == numbers(0, 3)));
  BOOST_TEST((second == numbers(3, 10)));
  conn.set_message_handler({});
  conn.set_message_handler(s.keeps());
  s.ask_for(1);
  BOOST_TEST(s.got.back() == "10");
}

// covers G21
BOOST_AUTO_TEST_CASE(what_a_handler_throws_goes_to_the_log_and_stops_nothing) {
  number_scenario s;
  auto& conn = s.connect();
  conn.set_message_handler([&](const message_view& one) {
    s.got.emplace_back(one.payload);
    if (one.payload == "1") throw std::runtime_error("no ones please");
  });
  s.ask_for(3);
  BOOST_TEST((s.got == numbers(0, 3)));
  BOOST_REQUIRE(!s.log_lines.empty());
  BOOST_TEST(s.log_lines.back() == "message handler threw: no ones please");
}

// covers R18
BOOST_AUTO_TEST_CASE(a_handler_can_destroy_the_handle) {
  number_scenario s;
  auto& conn = s.connect();
  s.ask_for(5);  // so that more is in its hand
  auto held = std::make_shared<int>(7);
  std::weak_ptr<int> watched = held;
  conn.set_message_handler([&s, held = std::move(held)](const message_view& one) {
    s.got.emplace_back(one.payload);
    s.conn.reset();
    BOOST_TEST(*held == 7);
  });
  s.in.run_for(5s);
  BOOST_TEST((s.got == numbers(0, 1)));
  BOOST_TEST(watched.expired());
  BOOST_TEST(s.in.network()->open_links() == 0u);
}

// covers R40
BOOST_AUTO_TEST_CASE(messages_that_no_handler_takes_hold_the_server_back) {
  number_scenario s;
  auto& conn = s.connect();
  conn.set_message_handler(s.keeps());
  s.ask_for(1);
  conn.set_message_handler({});
  constexpr int count = 100'000;
  s.ask_for(count);
  s.in.run_for(1min);
  BOOST_TEST(s.said < count + 1);
  BOOST_TEST((conn.status() == connection_state::connected));
  conn.set_message_handler(s.keeps());
  BOOST_REQUIRE(s.in.run_until([&] { return s.got.size() == count + 1; }, 10min));
  BOOST_TEST((s.got == numbers(0, count + 1)));
}

BOOST_AUTO_TEST_CASE(after_close_it_is_called_with_what_had_come_and_with_nothing_more) {
  number_scenario s;
  auto& conn = s.connect();
  s.ask_for(3);
  conn.close(net::detached);
  s.in.run_for(5s);
  conn.set_message_handler(s.keeps());
  s.in.run_for(5s);
  BOOST_TEST((s.got == numbers(0, 3)));
  BOOST_TEST(s.run_ended.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
