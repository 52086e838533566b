// A name with several addresses, of which one takes the connection and then leads nowhere: the others have
// their turn, and soon.
#include <functional>

#include "faults.hpp"
#include "proxies.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(second_address)

namespace {

constexpr auto base = 500ms;  // retry_policy::base

// ws://server/ leads to server_at, other_at and third_at, in this order, with a server at each.
struct three_addresses {
  explicit three_addresses(std::size_t used = 3) : second(s.in, other_at), third(s.in, third_at) {
    std::vector<net::ip::address> all = {server_at.address, other_at.address, third_at.address};
    all.resize(used);
    s.in.network()->add_name("server", all);
    s.given.retry.decide = [this](const attempt_record& record, const retry_decision& by_table) {
      heard.push_back(record);
      return by_table;
    };
  }
  // The addresses that were dialled, by their last digit.
  server::gate note(char which, server::gate then = {}) {
    return [this, which, then = std::move(then)](const http_head& request) {
      dialled += which;
      return then ? then(request) : std::nullopt;
    };
  }
  void note_all(const server::gate& then) {
    s.backend.on_upgrade(note('1', then));
    second.on_upgrade(note('2', then));
    third.on_upgrade(note('3', then));
  }
  std::string peer_of_session() {
    BOOST_REQUIRE(s.reaches(connection_state::connected, 2min));
    return s.conn->snapshot().peer;
  }
  void lose_session_after(clock::duration span) {
    s.in.run_for(span);
    s.in.network()->reset_links();
    s.in.settle();
  }
  std::string dialled;
  std::vector<attempt_record> heard;
  scenario s;
  server second;
  server third;
};

struct fault {
  const char* name;
  std::function<void(three_addresses&)> begin;  // at server_at
};

const std::vector<fault> faults{
    {"hangs up", [](three_addresses& t) { t.s.backend.close_at_once(); }},
    {"is silent", [](three_addresses& t) { t.s.backend.never_upgrade(); }},
    {"says 500", [](three_addresses& t) { t.s.backend.on_upgrade(answers_with(500)); }},
    {"says 503", [](three_addresses& t) { t.s.backend.on_upgrade(answers_with(503)); }},
    {"says 200", [](three_addresses& t) { t.s.backend.on_upgrade(answers_with(200)); }},
    {"is no WebSocket server",
     [](three_addresses& t) {
       answer_with(t.s.in, server_at, "HTTP/1.1 101 Switching Protocols\r\n\r\n", false);
     }},
    {"speaks something else",
     [](three_addresses& t) { answer_with(t.s.in, server_at, "SSH-2.0-OpenSSH_9.2\r\n", true); }},
    {"ends its sessions early", [](three_addresses& t) { t.s.backend.on_session(drops(1s)); }}};

}  // namespace

// covers R47
BOOST_AUTO_TEST_CASE(an_address_that_fails_above_tcp_goes_behind_the_others) {
  for (const auto& each : faults) {
    BOOST_TEST_CONTEXT("the first address " << each.name) {
      three_addresses t;
      each.begin(t);
      t.s.given.deadlines.upgrade = 2s;
      t.s.start();
      BOOST_REQUIRE(t.s.in.run_until([&] { return t.second.sessions() == 1; }, 1min));
      t.s.in.run_for(1min);
      BOOST_TEST((t.s.conn->status() == connection_state::connected));
      BOOST_TEST(t.s.conn->snapshot().peer == "10.0.0.2:80");
      BOOST_REQUIRE(t.heard.size() == 1U);
      BOOST_TEST(t.heard[0].untried_address);
    }
  }
}

// covers R47
BOOST_AUTO_TEST_CASE(the_wait_does_not_grow_before_each_address_had_its_turn) {
  three_addresses t;
  t.note_all(answers_with(503));
  auto seen = start_recorded(t.s);
  t.s.in.run_for(10min);
  BOOST_TEST(t.dialled.starts_with("123123123"));
  const auto waits = seen.waits();
  BOOST_REQUIRE(waits.size() > 8U);
  BOOST_TEST((waits[0] <= clock::duration(base)));
  BOOST_TEST((waits[1] <= clock::duration(base)));
  BOOST_TEST((std::ranges::max(waits) > clock::duration(10s)));  // then it does
  for (std::size_t i = 0; i < t.heard.size(); ++i) BOOST_TEST(t.heard[i].untried_address == (i < 2));
}

// covers R47
BOOST_AUTO_TEST_CASE(tls_and_certificate_errors_count_too) {
  for (const bool wrong_certificate : {true, false}) {
    BOOST_TEST_CONTEXT("wrong certificate: " << wrong_certificate) {
      wss_scenario s;
      server second(s.in, {other_at.address, 443});
      const auto good = s.authority.issue();
      second.use_tls({.certificate_pem = good.certificate_pem, .key_pem = good.key_pem});
      s.in.network()->add_name("server", {server_at.address, other_at.address});
      if (wrong_certificate) {
        s.show(test_authority("a stranger").issue());
      } else {
        s.backend.stall_tls_after(300);
        s.given.deadlines.tls = 2s;
      }
      s.start();
      BOOST_REQUIRE(s.reaches(connection_state::connected, 1min));
      BOOST_TEST(s.conn->snapshot().peer == "10.0.0.2:443");
      BOOST_TEST(s.backend.accepted() == 1U);
    }
  }
}

// covers R47
BOOST_AUTO_TEST_CASE(of_several_addresses_of_a_proxy_one_that_fails_goes_behind_too) {
  const peer_address broken_at{net::ip::make_address("10.0.0.8"), proxy_at.port};
  std::size_t dials = 0;
  proxy_scenario s;
  s.in.network()->listen(broken_at, [&dials](const transport&) { ++dials; });  // and hangs up
  s.in.network()->add_name("proxy", {broken_at.address, proxy_at.address});
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.conn->snapshot().peer == "10.0.0.9:3128");
  BOOST_TEST(dials == 1U);
}

// A 4xx is meant for us, and 429 is no reason to come back sooner by another door.
BOOST_AUTO_TEST_CASE(an_answer_about_us_moves_no_address_and_the_wait_grows) {
  three_addresses t;
  t.note_all(answers_with(429));
  auto seen = start_recorded(t.s);
  t.s.in.run_for(10min);
  BOOST_TEST(t.dialled.find_first_not_of('1') == std::string::npos);
  BOOST_TEST((std::ranges::max(seen.waits()) > clock::duration(10s)));
  for (const auto& each : t.heard) BOOST_TEST(!each.untried_address);
}

BOOST_AUTO_TEST_CASE(what_the_program_stops_moves_no_address) {
  three_addresses t;
  t.s.backend.never_upgrade();
  auto& conn = t.s.start();
  t.s.in.run_for(1s);
  conn.disconnect(net::detached);
  t.s.in.run_for(1s);
  t.s.backend.never_upgrade(false);
  conn.connect(net::detached);
  BOOST_TEST(t.peer_of_session() == "10.0.0.1:80");
  conn.disconnect(net::detached);  // a short session that the program ends
  t.s.in.run_for(1s);
  conn.connect(net::detached);
  BOOST_TEST(t.peer_of_session() == "10.0.0.1:80");
}

// covers R47
BOOST_AUTO_TEST_CASE(the_address_that_works_stays_first_until_it_fails) {
  three_addresses t;
  t.s.backend.on_upgrade(answers_with(503));
  t.s.start();
  BOOST_TEST(t.peer_of_session() == "10.0.0.2:80");
  t.s.backend.on_upgrade({});
  t.lose_session_after(11s);
  BOOST_TEST(t.peer_of_session() == "10.0.0.2:80");
  t.s.in.run_for(11s);
  t.second.on_upgrade(answers_with(503));
  t.s.in.network()->reset_links();
  t.s.in.settle();
  BOOST_TEST(t.peer_of_session() == "10.0.0.3:80");  // the first failed too, long ago
  t.s.in.run_for(11s);
  t.third.close_at_once();
  t.s.in.network()->reset_links();
  t.s.in.settle();
  BOOST_TEST(t.peer_of_session() == "10.0.0.1:80");  // its failure is the oldest
}

BOOST_AUTO_TEST_CASE(a_changed_network_forgets_who_failed) {
  three_addresses t;
  t.s.backend.on_upgrade(answers_with(503));
  auto& conn = t.s.start();
  BOOST_TEST(t.peer_of_session() == "10.0.0.2:80");
  t.s.backend.on_upgrade({});
  conn.network_changed();
  t.lose_session_after(11s);
  BOOST_TEST(t.peer_of_session() == "10.0.0.1:80");
}

// covers R47
BOOST_AUTO_TEST_CASE(addresses_that_a_deadline_left_out_are_first_in_the_next_race) {
  three_addresses t;
  t.s.in.network()->behave(server_at, port_behaviour::swallows);
  t.s.in.network()->behave(other_at, port_behaviour::swallows);
  t.s.given.deadlines.connect = 400ms;  // enough for two of them
  t.s.start();
  BOOST_TEST(t.peer_of_session() == "10.0.0.3:80");
  BOOST_REQUIRE(t.heard.size() == 1U);
  BOOST_TEST(t.heard[0].untried_address);
}

BOOST_AUTO_TEST_CASE(addresses_that_refuse_together_were_all_tried) {
  three_addresses t;
  for (const auto& at : {server_at, other_at, third_at})
    t.s.in.network()->behave(at, port_behaviour::refuses);
  t.s.start();
  t.s.in.run_for(1min);
  BOOST_REQUIRE(t.heard.size() > 2U);
  for (const auto& each : t.heard) BOOST_TEST(!each.untried_address);
}

BOOST_AUTO_TEST_CASE(a_single_address_is_tried_again_with_a_growing_wait) {
  three_addresses t(1);
  t.s.backend.close_at_once();
  auto seen = start_recorded(t.s);
  t.s.in.run_for(10min);
  BOOST_TEST((std::ranges::max(seen.waits()) > clock::duration(10s)));
  for (const auto& each : t.heard) BOOST_TEST(!each.untried_address);
}

BOOST_AUTO_TEST_SUITE_END()
