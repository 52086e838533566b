// What is left of a connection when it has ended, when its world has, or of a burst when all is quiet:
// nothing.
#include <memory>

#include "heap.hpp"
#include "scenario.hpp"

BOOST_AUTO_TEST_SUITE(leftovers)

namespace {

using handle = std::shared_ptr<connection>;

struct waiting {
  const char* name;
  std::function<void(const handle&)> begin;
};

// Each waits for something that does not come, and holds the handle meanwhile, as a coroutine that owns it
// does.
std::vector<waiting> waits() {
  return {
      {"run", [](const handle& c) { c->run([c](error_code) {}); }},
      {"next_state", [](const handle& c) { c->next_state([c](error_code, const auto&) {}); }},
      {"wait_for",
       [](const handle& c) {
         c->wait_for(connection_state::feature_throttled, [c](error_code, const auto&) {});
       }},
      {"receive", [](const handle& c) { c->receive([c](error_code, const auto&) {}); }},
      {"receive_batch", [](const handle& c) { c->receive_batch([c](error_code, const auto&) {}); }},
      {"send", [](const handle& c) { c->send("stays", [c](const send_result&) {}); }},
      {"ping", [](const handle& c) { c->ping([c](error_code, clock::duration) {}); }},
      {"disconnect", [](const handle& c) { c->disconnect([c](error_code) {}); }},
  };
}

net::awaitable<void> take_all(server_session& session) {
  while (const auto next = co_await session.receive()) {
  }
}

}  // namespace

// covers R35
BOOST_AUTO_TEST_CASE(an_idle_session_gives_back_the_memory_of_a_burst) {
  scenario s;
  s.backend.on_session(take_all);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  conn.send("warm", net::detached);
  s.in.run_for(1min);
  const auto before = heap_in_use();
  if (before == 0) return;
  const std::string some(500, 'x');
  for (int i = 0; i < 1000; ++i) conn.send(some, net::detached);
  BOOST_REQUIRE(heap_in_use() > before + 200'000);
  s.in.run_for(1min);
  BOOST_TEST(heap_in_use() < before + 64 * 1024);
  BOOST_TEST(conn.snapshot().session == 1U);
}

// covers R21
BOOST_AUTO_TEST_CASE(a_world_that_ends_frees_whoever_waits_although_the_waiting_holds_the_handle) {
  for (const auto& each : waits()) {
    BOOST_TEST_CONTEXT(each.name) {
      const auto held = std::make_shared<int>(0);
      {
        scenario s;
        s.given.log = [held](log_level, std::string_view) {};  // lives as long as the actor
        auto conn = std::make_shared<connection>(s.in.executor(), std::exchange(s.given, {}));
        if (std::string_view(each.name) == "run") {
          each.begin(conn);
        } else {
          conn->run(net::detached);
        }
        BOOST_REQUIRE(s.in.run_until([&] { return conn->status() == connection_state::connected; }, 1s));
        s.in.network()->silence_links();
        conn->send(std::string(100'000, 'x'), net::detached);  // the window is full
        if (std::string_view(each.name) != "run") each.begin(conn);
        conn.reset();
        s.in.run_for(1s);
        BOOST_TEST(held.use_count() > 1);
      }
      BOOST_TEST(held.use_count() == 1);
    }
  }
}

// covers R21
BOOST_AUTO_TEST_CASE(after_a_close_in_the_background_nothing_waits_for_the_end_of_the_grace) {
  const auto held = std::make_shared<int>(0);
  scenario s;
  s.given.mode = connect_mode::manual;
  s.given.log = [held](log_level, std::string_view) {};  // lives as long as the actor
  s.conn.emplace(s.in.executor(), std::exchange(s.given, {}));
  s.conn->run([&s](error_code ec) { s.run_ended = ec; });
  s.conn->connect(net::detached);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.conn->enter_background();
  s.conn->close(net::detached);
  BOOST_REQUIRE(s.in.run_until([&] { return s.run_ended.has_value(); }, 1s));
  s.conn.reset();
  s.in.settle();
  BOOST_TEST(held.use_count() == 1);
}

// covers R35
BOOST_AUTO_TEST_CASE(connections_that_come_and_go_do_not_grow_the_memory_of_their_context) {
  scenario s;
  const auto come_and_go = [&] {
    for (int i = 0; i < 500; ++i) {
      s.conn.emplace(s.in.executor(), s.given);
      s.conn.reset();
      s.in.settle();
    }
    return heap_in_use();
  };
  const auto before = come_and_go();
  BOOST_TEST(come_and_go() < before + 16 * 1024);
}

BOOST_AUTO_TEST_SUITE_END()
