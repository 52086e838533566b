// What an attempt shows of who we are, and what follows when the server does not like it.
#include <deque>

#include "faults.hpp"
#include "way.hpp"

BOOST_AUTO_TEST_SUITE(credentials_shown)

// covers R41
BOOST_AUTO_TEST_CASE(the_provider_is_asked_once_before_each_attempt) {
  test_provider provider;
  scenario s;
  s.given.provider = provider.function();
  s.backend.on_upgrade(answers_with(503));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.in.run_until([&] { return seen.count(connection_state::disconnected) == 2; }, 1min));
  s.backend.on_upgrade({});
  s.backend.on_session(drops(11s));
  BOOST_REQUIRE(s.in.run_until([&] { return s.backend.sessions() == 2; }, 1min));
  BOOST_REQUIRE(provider.asked.size() == 4U);
  const unsigned attempts[] = {1, 2, 3, 1};
  for (std::size_t i = 0; i < 4; ++i) {
    BOOST_TEST(provider.asked[i].attempt == attempts[i]);
    BOOST_TEST(provider.asked[i].url == "ws://server/");
    BOOST_TEST(!provider.asked[i].refused);
  }
}

BOOST_AUTO_TEST_CASE(the_token_and_the_headers_go_out_and_take_the_place_of_static_ones) {
  test_provider provider;
  request_log requests;
  scenario s;
  provider.give = [](const credential_request&) {
    return credentials{.token = "abc.DEF~1",
                       .headers = {{"X-Device", "phone, blue"}, {"X-Twice", "a"}, {"x-twice", "b"}}};
  };
  s.given.provider = provider.function();
  s.given.headers = {{"authorization", "Basic c3RhdGlj"}, {"X-Kept", "1"}};
  s.backend.on_upgrade(requests.keep());
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Authorization") == "Bearer abc.DEF~1");
  BOOST_TEST(requests.values(0, "X-Device") == "phone, blue");
  BOOST_TEST(requests.values(0, "X-Twice") == "a, b");
  BOOST_TEST(requests.values(0, "X-Kept") == "1");
}

// RFC 9110 section 11.6.2 and RFC 6265 section 5.4: there is one of each, or it means nothing.
BOOST_AUTO_TEST_CASE(a_header_of_the_provider_takes_the_place_of_a_static_one_of_that_name) {
  test_provider provider;
  request_log requests;
  scenario s;
  provider.give = [](const credential_request&) {
    return credentials{.headers = {{"Authorization", "Digest new"}, {"cookie", "session=new"}}};
  };
  s.given.provider = provider.function();
  s.given.headers = {{"Authorization", "Basic old"}, {"Cookie", "session=old"}};
  s.backend.on_upgrade(requests.keep());
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Authorization") == "Digest new");
  BOOST_TEST(requests.values(0, "Cookie") == "session=new");
}

BOOST_AUTO_TEST_CASE(a_provider_that_has_nothing_to_say_changes_nothing) {
  test_provider provider;
  request_log requests;
  scenario s;
  provider.give = [](const credential_request&) { return credentials{}; };
  s.given.provider = provider.function();
  s.given.headers = {{"Authorization", "Basic c3RhdGlj"}};
  s.backend.on_upgrade(requests.keep());
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(requests.values(0, "Authorization") == "Basic c3RhdGlj");
}

// covers R41 G32
BOOST_AUTO_TEST_CASE(refused_credentials_are_refreshed_once_and_at_once) {
  for (const unsigned status : {401U, 403U}) {
    test_provider provider;
    doorkeeper door{.accepted = "t2"};
    scenario s;
    provider.give = renewable_tokens();
    s.given.provider = provider.function();
    s.backend.on_upgrade(door.gate(status));
    auto seen = start_recorded(s);
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    BOOST_TEST(seen.states() == "connecting disconnected connecting connected");
    const auto& refused = seen.changes()[1];
    BOOST_TEST(refused.rule == "refresh-credentials");
    BOOST_TEST(refused.reason.error == make_error_code(error::unauthorized));
    BOOST_TEST(refused.reason.http_status == status);
    BOOST_TEST((refused.retry_in == clock::duration::zero()));
    BOOST_TEST((seen.changes()[2].time == refused.time));
    BOOST_REQUIRE(provider.asked.size() == 2U);
    BOOST_TEST(!provider.asked[0].refused);
    BOOST_TEST(provider.asked[1].refused);
    BOOST_TEST(provider.asked[1].attempt == 2U);
  }
}

// covers R41 G31
BOOST_AUTO_TEST_CASE(a_second_refusal_in_a_row_is_final_until_connect) {
  for (const unsigned status : {401U, 403U}) {
    test_provider provider;
    doorkeeper door{.accepted = "none"};
    scenario s;
    provider.give = renewable_tokens();
    s.given.provider = provider.function();
    s.given.keep_running = true;
    s.backend.on_upgrade(door.gate(status));
    auto seen = start_recorded(s);
    s.in.run_for(1h);
    BOOST_TEST(rules(seen) == "refresh-credentials unauthorized");
    BOOST_TEST(seen.changes().back().final);
    BOOST_TEST((seen.changes().back().reason.error == condition::auth));
    BOOST_TEST(seen.changes().back().reason.http_status == status);
    BOOST_TEST(provider.asked.size() == 2U);
    door.accepted = "t3";
    s.conn->connect(net::detached);
    BOOST_TEST(s.reaches(connection_state::connected));  // a new beginning: refused, refreshed
    BOOST_TEST(provider.asked.size() == 4U);
  }
}

// covers R41 G32
BOOST_AUTO_TEST_CASE(after_a_stable_session_a_refusal_is_the_first_one_again) {
  test_provider provider;
  doorkeeper door{.accepted = "t2"};
  scenario s;
  provider.give = renewable_tokens();
  s.given.provider = provider.function();
  s.backend.on_upgrade(door.gate());
  auto seen = start_recorded(s);
  for (const auto* next : {"t3", "t4"}) {
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.run_for(11s);
    door.accepted = next;  // while we were connected, the token has ended
    s.in.network()->reset_links();
    s.in.run_for(5s);
  }
  BOOST_TEST((s.conn->status() == connection_state::connected));
  BOOST_TEST(rules(seen) ==
             "refresh-credentials after-stable-session refresh-credentials after-stable-session "
             "refresh-credentials");
}

// covers G31
BOOST_AUTO_TEST_CASE(without_a_provider_the_first_refusal_is_final) {
  scenario s;
  s.given.headers = {{"Authorization", "Bearer t1"}};
  s.backend.on_upgrade(answers_with(401));
  auto seen = start_recorded(s);
  s.in.run_for(1h);
  BOOST_TEST(seen.states() == "connecting disconnected");
  BOOST_TEST(rules(seen) == "unauthorized");
  BOOST_TEST(seen.changes().back().final);
  BOOST_TEST(s.backend.accepted() == 1U);
}

BOOST_AUTO_TEST_CASE(attempts_after_a_refresh_that_do_not_reach_the_server_ask_as_usual) {
  test_provider provider;
  doorkeeper door{.accepted = "t2"};
  scenario s;
  provider.give = renewable_tokens();
  s.given.provider = provider.function();
  s.backend.on_upgrade([&](const http_head& request) {
    s.in.network()->behave(server_at, port_behaviour::refuses);
    return door.gate()(request);
  });
  auto seen = start_recorded(s);
  s.in.run_for(100ms);
  s.backend.on_upgrade(door.gate());
  s.in.network()->behave(server_at, port_behaviour::accepts);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(rules(seen) == "refresh-credentials backoff");
  BOOST_REQUIRE(provider.asked.size() == 3U);
  BOOST_TEST(provider.asked[1].refused);
  BOOST_TEST(!provider.asked[2].refused);
}

// covers R41 R8
BOOST_AUTO_TEST_CASE(a_close_code_in_the_users_table_can_force_a_refresh) {
  test_provider provider;
  scenario s;
  provider.give = renewable_tokens();
  s.given.provider = provider.function();
  s.given.retry.rules.insert(s.given.retry.rules.begin(),
                             {.name = "token-ended", .delay = retry_delay::refresh, .close_codes = {4401}});
  s.backend.on_session(closes_with(4401, 11s, "token ended"));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.in.run_until([&] { return s.backend.sessions() == 3; }, 1min));
  BOOST_TEST(rules(seen) == "token-ended token-ended");
  for (const auto wait : seen.waits()) BOOST_TEST((wait == clock::duration::zero()));
  BOOST_REQUIRE(provider.asked.size() == 3U);
  BOOST_TEST((provider.asked[1].refused && provider.asked[2].refused));
  s.backend.on_session(closes_with(4401, 1s, "token ended"));  // at once, although it is new
  s.in.run_for(1h);
  BOOST_TEST(rules(seen).starts_with("token-ended token-ended token-ended unauthorized"));
  BOOST_TEST(seen.changes().back().rule.starts_with("unauthorized"));
  BOOST_TEST(seen.changes().back().final);
}

// covers R41
BOOST_AUTO_TEST_CASE(a_policy_function_can_force_a_refresh) {
  test_provider provider;
  scenario s;
  s.given.provider = provider.function();
  s.given.retry.decide = [](const attempt_record& record, retry_decision) {
    return retry_decision{.retry_in = 3s, .rule = "mine", .refresh = record.attempt == 1};
  };
  s.backend.on_upgrade(answers_with(500));
  s.start();
  s.in.run_for(8s);
  BOOST_REQUIRE(provider.asked.size() == 3U);
  BOOST_TEST(provider.asked[1].refused);
  BOOST_TEST(!provider.asked[2].refused);
}

// covers R41
BOOST_AUTO_TEST_CASE(the_url_of_the_provider_leads_one_attempt_elsewhere) {
  test_provider provider;
  request_log requests;
  scenario s;
  server other(s.in, other_at);
  s.in.network()->add_name("other", {other_at.address});
  provider.give = [](const credential_request& request) {
    credentials out;
    if (request.attempt == 1) out.url = "ws://other:80/one-time/s3cret?ticket=s3cret";
    return out;
  };
  s.given.provider = provider.function();
  other.on_upgrade(requests.keep(answers_with(503)));
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_REQUIRE(requests.all.size() == 1U);
  BOOST_TEST(requests.all[0].path == "/one-time/s3cret?ticket=s3cret");
  BOOST_TEST(requests.values(0, "Host") == "other");
  BOOST_REQUIRE(seen.changes().size() == 4U);
  BOOST_TEST(seen.changes()[0].origin == "ws://server");  // not asked yet
  BOOST_TEST(seen.changes()[1].origin == "ws://other");
  BOOST_TEST(seen.changes()[1].reason.peer == "10.0.0.2:80");
  BOOST_TEST(seen.changes()[2].origin == "ws://server");
  BOOST_TEST(seen.changes()[3].origin == "ws://server");
  BOOST_TEST(seen.changes()[3].peer == "10.0.0.1:80");
  BOOST_TEST(!shows(s, seen, "s3cret"));
}

BOOST_AUTO_TEST_CASE(a_session_at_the_url_of_the_provider_says_where_it_is) {
  test_provider provider;
  scenario s;
  server other(s.in, {other_at.address, 8080});
  s.in.network()->add_name("other", {other_at.address});
  provider.give = [](const credential_request&) {
    return credentials{.url = "ws://other:8080/?ticket=s3cret"};
  };
  s.given.provider = provider.function();
  auto seen = start_recorded(s);
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.conn->snapshot().origin == "ws://other:8080");
  BOOST_TEST(s.conn->snapshot().peer == "10.0.0.2:8080");
  BOOST_TEST(other.sessions() == 1U);
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(seen.changes().back().origin == "ws://other:8080");
  BOOST_TEST(!shows(s, seen, "s3cret"));
}

// covers R41
BOOST_AUTO_TEST_CASE(fifty_connections_share_one_fetch_and_one_refresh) {
  test_provider issuer;
  doorkeeper door{.accepted = "1"};
  scenario s;
  issuer.takes = 100ms;
  issuer.give = [number = 0](const credential_request&) mutable {
    return credentials{.token = std::to_string(++number)};
  };
  const token_source source(s.in.executor(), [&issuer] { return issuer.answer({}); });
  s.given.provider = source.as_provider();
  s.backend.on_upgrade(door.gate());
  std::deque<connection> all;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    s.given.random_seed = seed;
    all.emplace_back(s.in.executor(), s.given).run(net::detached);
  }
  s.in.run_for(11s);
  BOOST_TEST(s.backend.open_sessions() == 50U);
  BOOST_TEST(issuer.asked.size() == 1U);
  door.accepted = "2";
  s.in.network()->reset_links();
  s.in.run_for(5s);
  BOOST_TEST(s.backend.open_sessions() == 50U);
  BOOST_TEST(issuer.asked.size() == 2U);
}

// covers R41
BOOST_AUTO_TEST_CASE(fifty_connections_that_are_refused_one_after_the_other_share_one_refresh) {
  test_provider issuer;
  scenario s;
  const token_source source(s.in.executor(), [&issuer] { return issuer.answer({}); });
  s.given.provider = source.as_provider();
  s.given.retry.rules.insert(s.given.retry.rules.begin(),
                             {.name = "token-ended", .delay = retry_delay::refresh, .close_codes = {4401}});
  s.backend.on_session(closes_with(4401, 11s));
  std::deque<connection> all;
  for (int i = 0; i < 50; ++i) {
    all.emplace_back(s.in.executor(), s.given).run(net::detached);
    s.in.run_for(20ms);
  }
  s.in.run_for(5s);
  s.backend.on_session([](server_session& session) { return session.echo(); });
  s.in.run_for(10s);
  BOOST_TEST(s.backend.sessions() == 100U);
  BOOST_TEST(s.backend.open_sessions() == 50U);
  BOOST_TEST(issuer.asked.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
