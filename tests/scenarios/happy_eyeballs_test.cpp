// A host with several addresses: which are tried, when, which one wins, and what becomes of the others.
#include <map>
#include <stdexcept>

#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(happy_eyeballs)

namespace {

peer_address at(const std::string& address) { return {net::ip::make_address(address), 80}; }

// The simulated network with roads of different length, and a note of every connect that begins.
class roads final : public network {
 public:
  explicit roads(std::shared_ptr<simulated_network> rest) : rest_(std::move(rest)) {}

  std::map<std::string, clock::duration> detours;  // what the way to an address takes longer than to others
  std::map<std::string, error_code> failures;      // returned without any wait
  std::map<std::string, std::exception_ptr> thrown;
  bool hears_cancellation = true;
  bool resolver_turns_cancellation_off = false;
  std::string begun;  // "address@milliseconds", one after the other

  net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) override {
    if (resolver_turns_cancellation_off)
      co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
    co_return co_await rest_->resolve(std::move(host), port);
  }
  net::awaitable<result<transport>> connect(peer_address peer) override {
    const auto name = peer.address.to_string();
    const auto when = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began_);
    begun += (begun.empty() ? "" : " ") + name + '@' + std::to_string(when.count());
    if (thrown.contains(name)) std::rethrow_exception(thrown[name]);
    if (failures.contains(name)) co_return failures[name];
    if (!hears_cancellation) co_await net::this_coro::reset_cancellation_state(net::disable_cancellation());
    timer way(co_await net::this_coro::executor);
    co_await way.async_wait_until(clock::now() + detours[name], net::as_tuple(net::use_awaitable));
    co_return co_await rest_->connect(peer);
  }

 private:
  const std::shared_ptr<simulated_network> rest_;
  const clock::time_point began_ = clock::now();
};

// ws://server/ has these addresses. One server answers behind all of them until `behave` says otherwise.
struct crossroads : scenario {
  explicit crossroads(const std::vector<std::string>& addresses) {
    std::vector<net::ip::address> resolved;
    for (const auto& each : addresses) {
      resolved.push_back(net::ip::make_address(each));
      in.network()->listen(at(each), [this](transport stream) { backend.accept(std::move(stream)); });
    }
    in.network()->add_name("server", resolved);
    given.network = ways;
  }
  void behave(const std::vector<std::string>& addresses, port_behaviour how) {
    for (const auto& each : addresses) in.network()->behave(at(each), how);
  }

  const std::shared_ptr<roads> ways = std::make_shared<roads>(in.network());
};

const std::vector<std::string> two = {"2001:db8::1", "10.0.0.1"};
const std::vector<std::string> six = {"2001:db8::1", "2001:db8::2", "2001:db8::3",
                                      "10.0.0.1",    "10.0.0.2",    "10.0.0.3"};

}  // namespace

// covers R44
BOOST_AUTO_TEST_CASE(behind_a_black_hole_the_second_family_wins_after_one_step) {
  crossroads s({"2001:db8::1", "2001:db8::2", "10.0.0.1"});
  s.behave({"2001:db8::1", "2001:db8::2"}, port_behaviour::swallows);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST((s.in.elapsed() >= 250ms));
  BOOST_TEST((s.in.elapsed() <= 350ms));
  BOOST_TEST(conn.snapshot().peer == "10.0.0.1:80");
  s.in.run_for(1min);
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@250");
  BOOST_TEST(s.in.network()->open_links() == 1U);
  BOOST_TEST(s.in.network()->most_open_links() == 1U);
}

BOOST_AUTO_TEST_CASE(the_step_is_an_option) {
  crossroads s(two);
  s.behave({"2001:db8::1"}, port_behaviour::swallows);
  s.given.deadlines.address_step = 40ms;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@40");
}

BOOST_AUTO_TEST_CASE(an_address_that_answers_in_time_is_the_only_one_tried) {
  crossroads s(six);
  s.ways->detours["2001:db8::1"] = 240ms;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);
  BOOST_TEST(s.ways->begun == "2001:db8::1@0");
}

BOOST_AUTO_TEST_CASE(an_address_that_refuses_is_followed_at_once) {
  crossroads s(two);
  s.behave({"2001:db8::1"}, port_behaviour::refuses);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@2");
}

BOOST_AUTO_TEST_CASE(of_six_addresses_the_last_one_is_reached) {
  crossroads s(six);
  s.behave({"2001:db8::1", "10.0.0.1", "2001:db8::3"}, port_behaviour::swallows);
  s.behave({"2001:db8::2", "10.0.0.2"}, port_behaviour::refuses);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(conn.snapshot().peer == "10.0.0.3:80");
  BOOST_TEST(s.ways->begun ==
             "2001:db8::1@0 10.0.0.1@250 2001:db8::2@500 10.0.0.2@502 2001:db8::3@504 10.0.0.3@754");
}

// A failure says nothing about the address that is still being waited for.
BOOST_AUTO_TEST_CASE(the_failure_of_an_older_address_does_not_shorten_the_step) {
  crossroads s({"2001:db8::1", "2001:db8::2", "10.0.0.1"});
  s.ways->detours["2001:db8::1"] = 300ms;
  s.behave({"2001:db8::1"}, port_behaviour::refuses);
  s.behave({"10.0.0.1"}, port_behaviour::swallows);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@250 2001:db8::2@500");
}

BOOST_AUTO_TEST_CASE(a_slow_first_address_can_still_win) {
  crossroads s(two);
  s.ways->detours = {{"2001:db8::1", 300ms}, {"10.0.0.1", 200ms}};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(conn.snapshot().peer == "[2001:db8::1]:80");
  s.in.run_for(1min);
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@250");
  BOOST_TEST(s.in.network()->connect_count() == 1U);
}

BOOST_AUTO_TEST_CASE(a_slow_first_address_can_lose) {
  crossroads s(two);
  s.ways->detours = {{"2001:db8::1", 600ms}, {"10.0.0.1", 50ms}};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(conn.snapshot().peer == "10.0.0.1:80");
  s.in.run_for(1min);
  BOOST_TEST(s.in.network()->connect_count() == 1U);
}

// covers R44
BOOST_AUTO_TEST_CASE(of_two_that_connect_in_the_same_instant_one_is_closed) {
  crossroads s(two);
  s.ways->detours = {{"2001:db8::1", 300ms}, {"10.0.0.1", 50ms}};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(conn.snapshot().peer == "[2001:db8::1]:80");  // by a hair
  BOOST_TEST(s.in.network()->connect_count() == 2U);
  BOOST_TEST(s.in.network()->open_links() == 1U);
  s.in.run_for(1min);
  BOOST_TEST(s.backend.sessions() == 1U);
}

// covers R44
BOOST_AUTO_TEST_CASE(a_loser_that_cannot_be_cancelled_is_closed_when_it_connects) {
  crossroads s(two);
  s.ways->hears_cancellation = false;
  s.ways->detours = {{"2001:db8::1", 600ms}};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1min);
  BOOST_TEST(s.in.network()->connect_count() == 2U);
  BOOST_TEST(s.in.network()->open_links() == 1U);
  BOOST_TEST(s.backend.sessions() == 1U);
  BOOST_TEST((conn.status() == connection_state::connected));
}

// covers R11
BOOST_AUTO_TEST_CASE(if_all_addresses_refuse_it_is_one_failure_that_names_the_first) {
  crossroads s(six);
  s.behave(six, port_behaviour::refuses);
  s.conn.emplace(s.in.executor(), s.given);
  recorder seen(*s.conn);
  s.conn->run(net::detached);
  s.in.run_for(20ms);
  BOOST_TEST(seen.trace() ==
             "connecting disconnected[connect to [2001:db8::1]:80: Connection refused; backoff]");
  BOOST_TEST(seen.changes().back().reason.peer == "[2001:db8::1]:80");
}

BOOST_AUTO_TEST_CASE(an_error_about_the_server_is_told_before_one_about_our_own_network) {
  crossroads s(two);
  s.ways->failures["2001:db8::1"] = net::error::network_unreachable;
  s.behave({"10.0.0.1"}, port_behaviour::refuses);
  auto& conn = s.start();
  s.in.run_for(20ms);
  BOOST_TEST(describe(conn.snapshot().reason) == "connect to 10.0.0.1:80: Connection refused");
}

BOOST_AUTO_TEST_CASE(if_we_have_no_way_to_any_address_this_is_told) {
  crossroads s(two);
  s.ways->failures = {{"2001:db8::1", net::error::network_unreachable},
                      {"10.0.0.1", net::error::network_unreachable}};
  auto& conn = s.start();
  s.in.run_for(20ms);
  BOOST_TEST(describe(conn.snapshot().reason) == "connect to [2001:db8::1]:80: Network is unreachable");
}

BOOST_AUTO_TEST_CASE(what_an_address_answered_to_the_upgrade_is_told_with_the_address) {
  crossroads s(two);
  s.behave({"2001:db8::1"}, port_behaviour::refuses);
  s.backend.on_upgrade([](const http_head&) { return std::optional(http_answer{.status = 503}); });
  auto& conn = s.start();
  s.in.run_for(20ms);
  BOOST_TEST((conn.snapshot().reason.at == stage::upgrade));
  BOOST_TEST(conn.snapshot().reason.peer == "10.0.0.1:80");
}

BOOST_AUTO_TEST_CASE(a_thousand_addresses_that_fail_without_a_wait_are_one_failure) {
  std::vector<std::string> many;
  many.reserve(1000);
  for (int i = 0; i < 1000; ++i)
    many.push_back("10.1." + std::to_string(i / 250) + '.' + std::to_string(i % 250));
  crossroads s(many);
  for (const auto& each : many) s.ways->failures[each] = net::error::host_unreachable;
  auto& conn = s.start();
  BOOST_TEST((conn.status() == connection_state::disconnected));
  BOOST_TEST(conn.snapshot().attempt == 1U);
}

// covers R10
BOOST_AUTO_TEST_CASE(the_next_attempt_resolves_afresh_and_begins_with_the_address_that_worked) {
  crossroads s(two);
  s.behave({"2001:db8::1"}, port_behaviour::swallows);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(11s);  // else the address would have failed
  s.ways->begun.clear();
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.ways->begun.starts_with("10.0.0.1@"));
  BOOST_TEST(s.ways->begun.find(' ') == std::string::npos);

  s.in.network()->add_name("server", {net::ip::make_address("10.0.0.7")});
  const server moved(s.in, at("10.0.0.7"));
  s.ways->begun.clear();
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.ways->begun.starts_with("10.0.0.7@"));
}

BOOST_AUTO_TEST_CASE(an_address_that_connects_but_does_not_upgrade_is_no_longer_the_last_good_one) {
  crossroads s({"10.0.0.2", "10.0.0.1"});
  s.behave({"10.0.0.2"}, port_behaviour::refuses);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(11s);
  s.behave({"10.0.0.2"}, port_behaviour::accepts);
  s.backend.on_upgrade([](const http_head&) { return std::optional(http_answer{.status = 503}); });
  s.ways->begun.clear();
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().reason.http_status == 503; }, 30s));
  BOOST_TEST(s.ways->begun.starts_with("10.0.0.1@"));
  s.ways->begun.clear();
  BOOST_REQUIRE(s.in.run_until([&] { return !s.ways->begun.empty(); }, 30s));
  BOOST_TEST(s.ways->begun.starts_with("10.0.0.2@"));
}

BOOST_AUTO_TEST_CASE(on_another_network_the_resolver_is_followed_again) {
  crossroads s(two);
  s.behave({"2001:db8::1"}, port_behaviour::refuses);
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.ways->begun.clear();
  conn.network_changed();
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.ways->begun.starts_with("2001:db8::1@"));
}

BOOST_AUTO_TEST_CASE(the_deadline_ends_the_race_and_no_further_address_is_tried) {
  crossroads s(six);
  s.behave(six, port_behaviour::swallows);
  s.given.deadlines.connect = 600ms;
  s.given.retry.rules = {{.name = "once", .delay = retry_delay::never}};
  auto& conn = s.start();
  s.in.run_for(10min);
  BOOST_TEST(describe(conn.snapshot()) ==
             "disconnected (connect to [2001:db8::1]:80: deadline reached), will not retry by itself [once]");
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@250 2001:db8::2@500");
  BOOST_TEST((conn.snapshot().time - (s.in.now() - s.in.elapsed()) == clock::duration(600ms)));
}

// covers G7 R30 R34
BOOST_AUTO_TEST_CASE(close_ends_the_race_at_once_at_every_moment_of_it) {
  for (const bool hears : {true, false}) {
    for (const auto moment : {0ms, 1ms, 249ms, 250ms, 251ms, 302ms, 600ms, 1400ms, 2000ms}) {
      BOOST_TEST_CONTEXT("at " << moment.count() << " ms, hears cancellation: " << hears) {
        crossroads s(six);
        s.ways->hears_cancellation = hears;
        for (const auto& each : six) s.ways->detours[each] = 5s;
        auto& conn = s.start();
        s.in.run_for(moment);
        const auto begun = s.ways->begun;
        outcome closed;
        conn.close(closed.handler());
        s.in.settle();
        BOOST_TEST(closed.calls == 1);
        BOOST_TEST(s.run_ended.has_value());
        s.in.run_for(1min);
        BOOST_TEST(s.ways->begun == begun);
        BOOST_TEST(s.in.network()->open_links() == 0U);
        BOOST_TEST(s.backend.sessions() == 0U);
        if (hears) BOOST_TEST(s.in.network()->connect_count() == 0U);
      }
    }
  }
}

// covers G43 R34
BOOST_AUTO_TEST_CASE(a_handle_that_is_destroyed_ends_the_race_at_every_moment_of_it) {
  for (const bool hears : {true, false}) {
    for (int moment = 0; moment <= 320; moment += 10) {
      BOOST_TEST_CONTEXT("at " << moment << " ms, hears cancellation: " << hears) {
        crossroads s(two);
        s.ways->hears_cancellation = hears;
        s.ways->detours = {{"2001:db8::1", 308ms}, {"10.0.0.1", 58ms}};
        s.start();
        s.in.run_for(std::chrono::milliseconds(moment));
        s.conn.reset();
        s.in.run_for(1min);
        BOOST_TEST(s.in.network()->open_links() == 0U);
        BOOST_TEST(s.run_ended.has_value());
      }
    }
  }
}

// Destroying the world destroys the coroutines of the race where they wait.
BOOST_AUTO_TEST_CASE(a_context_that_ends_in_the_middle_of_a_race_takes_the_race_with_it) {
  std::weak_ptr<roads> ways;
  {
    crossroads s(six);
    s.behave(six, port_behaviour::swallows);
    ways = s.ways;
    s.start();
    s.in.run_for(600ms);
  }
  BOOST_TEST(ways.expired());
}

// covers R30
BOOST_AUTO_TEST_CASE(a_resolver_that_turned_cancellation_off_does_not_keep_the_race_going) {
  crossroads s(six);
  s.behave(six, port_behaviour::swallows);
  s.ways->resolver_turns_cancellation_off = true;
  auto& conn = s.start();
  s.in.run_for(300ms);
  conn.close(net::detached);
  s.in.run_for(1min);
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@250");
}

BOOST_AUTO_TEST_CASE(a_connect_that_throws_a_system_error_has_failed_and_the_next_is_tried_at_once) {
  crossroads s(two);
  s.ways->thrown["2001:db8::1"] =
      std::make_exception_ptr(boost::system::system_error(net::error::no_descriptors));
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.ways->begun == "2001:db8::1@0 10.0.0.1@0");
}

BOOST_AUTO_TEST_CASE(if_every_connect_throws_a_system_error_it_is_told_like_any_other) {
  crossroads s(two);
  for (const auto& each : two)
    s.ways->thrown[each] = std::make_exception_ptr(boost::system::system_error(net::error::no_descriptors));
  auto& conn = s.start();
  BOOST_TEST(conn.snapshot().reason.error == net::error::make_error_code(net::error::no_descriptors));
  BOOST_TEST((conn.snapshot().reason.at == stage::connect));
}

// Anything else is a bug of that network, and is heard of where the context runs.
BOOST_AUTO_TEST_CASE(a_connect_that_throws_anything_else_is_heard_of) {
  crossroads s(two);
  s.ways->thrown["10.0.0.1"] = std::make_exception_ptr(std::logic_error("a bug"));
  s.behave({"2001:db8::1"}, port_behaviour::swallows);
  s.start();
  BOOST_CHECK_THROW(s.in.run_for(1s), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
