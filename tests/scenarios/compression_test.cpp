// permessage-deflate between a connection and a server: agreed or not, every message arrives as it was, and
// what is lost with one session does not garble the next.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(compressed_sessions)

namespace {

constexpr compression_options on{.enabled = true};

// Chat-like: each resembles the others.
std::string line(int number) {
  return R"({"kind":"message","room":"lobby","from":"user )" + std::to_string(number % 7) + R"(","number":)" +
         std::to_string(number) +
         R"(,"text":"The quick brown fox jumps over the lazy dog, again and again and again."})";
}

// A scenario in which both sides want compression, and what the server sees.
struct compressed_scenario : scenario {
  explicit compressed_scenario(compression_options client = on, compression_options server = on) {
    given.compression = client;
    backend.agree_to_compression(server);
    backend.on_session([this](server_session& session) { return collect_and_echo(session); });
  }
  net::awaitable<void> collect_and_echo(server_session& session) {
    at_server = session.shared_from_this();
    while (auto next = co_await session.receive()) {
      co_await session.send(next->payload, next->kind);
      got.push_back(std::move(next->payload));
    }
  }
  void connect() {
    start();
    BOOST_REQUIRE(reaches(connection_state::connected));
    in.settle();
  }
  // Sends `count` lines, the first being `from`, and checks that they come back.
  void exchange(int from, int count) {
    int back = 0;
    for (int i = from; i < from + count; ++i) {
      conn->send(line(i), net::detached);
      conn->receive([&back, i](error_code ec, const message& next) {
        if (!ec && next.payload == line(i)) ++back;
      });
    }
    in.run_for(1s);
    BOOST_TEST(back == count);
  }

  std::shared_ptr<server_session> at_server;
  std::vector<std::string> got;
};

std::string large(std::size_t size, unsigned seed) {
  random_source random(seed);
  std::string out(size, '\0');
  for (auto& each : out) each = static_cast<char>('a' + (random() >> 32U) % 16);  // half of it can be saved
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_leave_smaller_and_arrive_as_they_were) {
  for (const bool takeover : {true, false}) {
    for (const std::size_t piece : {std::size_t{64 * 1024}, std::size_t{3}}) {
      compressed_scenario s({.enabled = true, .client_no_context_takeover = !takeover},
                            {.enabled = true, .server_no_context_takeover = !takeover});
      s.in.network()->conditions.largest_piece_bytes = piece;
      s.connect();
      BOOST_REQUIRE(s.at_server->compression().has_value());
      BOOST_TEST(s.at_server->compression()->client.context_takeover == takeover);
      BOOST_TEST(s.at_server->compression()->server.context_takeover == takeover);
      s.exchange(0, 50);
      BOOST_TEST(s.at_server->received_bytes() < 50 * line(0).size() * (takeover ? 30U : 90U) / 100);
    }
  }
}

BOOST_AUTO_TEST_CASE(without_being_asked_for_it_is_not_offered) {
  compressed_scenario s(compression_options{});
  s.connect();
  BOOST_TEST(s.at_server->request().header("Sec-WebSocket-Extensions").empty());
  s.exchange(0, 10);
  BOOST_TEST(s.at_server->received_bytes() > 10 * line(0).size());
}

BOOST_AUTO_TEST_CASE(a_server_that_declines_gets_messages_as_they_are) {
  compressed_scenario s(on, compression_options{});
  s.connect();
  BOOST_TEST(s.at_server->request().header("Sec-WebSocket-Extensions") ==
             "permessage-deflate; client_max_window_bits");
  BOOST_TEST(!s.at_server->compression().has_value());
  s.exchange(0, 10);
  BOOST_TEST(s.at_server->received_bytes() > 10 * line(0).size());
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_what_was_not_offered_is_no_server_of_ours) {
  struct row {
    compression_options offered;
    header_list answer;
  };
  const std::vector<row> rows{
      {{}, {{"Sec-WebSocket-Extensions", "permessage-deflate"}}},
      {on, {{"Sec-WebSocket-Extensions", "permessage-bzip2"}}},
      {on, {{"Sec-WebSocket-Extensions", "permessage-deflate; x=1"}}},
      {on, {{"Sec-WebSocket-Extensions", "permessage-deflate"}, {"sec-websocket-extensions", "x-other"}}},
      {{.enabled = true, .server_max_window_bits = 10}, {{"Sec-WebSocket-Extensions", "permessage-deflate"}}},
  };
  for (const auto& [offered, answer] : rows) {
    compressed_scenario s(offered);
    s.backend.on_upgrade([&answer](const http_head& request) {
      http_answer reply{101, answer, {}};
      reply.headers.insert(reply.headers.end(),
                           {{"Upgrade", "websocket"},
                            {"Connection", "Upgrade"},
                            {"Sec-WebSocket-Accept", websocket_accept(request.header("Sec-WebSocket-Key"))}});
      return std::optional(reply);
    });
    s.start();
    BOOST_REQUIRE(s.reaches(connection_state::disconnected));
    BOOST_CHECK(s.conn->snapshot().reason.error == error::upgrade_invalid);
    BOOST_CHECK(s.conn->snapshot().reason.at == stage::upgrade);
  }
}

BOOST_AUTO_TEST_CASE(small_messages_leave_as_they_are) {
  compressed_scenario s;
  s.connect();
  s.conn->send(std::string(127, 'x'), net::detached);
  s.in.run_for(1s);
  BOOST_TEST(s.at_server->received_bytes() == 127U + 8U);  // header with two bytes of length, and mask
  s.conn->send(std::string(128, 'x'), net::detached);
  s.in.run_for(1s);
  BOOST_TEST(s.at_server->received_bytes() < 127U + 8U + 30U);
  BOOST_TEST(s.got.size() == 2U);
}

// covers R39
BOOST_AUTO_TEST_CASE(what_was_compressed_and_lost_does_not_garble_the_next_session) {
  for (const bool takeover : {true, false}) {
    compressed_scenario s({.enabled = true, .client_no_context_takeover = !takeover});
    s.connect();
    s.exchange(0, 5);
    s.in.network()->silence_links();
    for (unsigned i = 0; i < 40; ++i) s.conn->send(large(20'000, i), net::detached);
    s.in.settle();
    s.in.network()->reset_links();
    s.in.settle();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.settle();
    BOOST_REQUIRE(s.conn->snapshot().session == 2U);
    s.exchange(5, 5);
    BOOST_TEST(s.got.size() == 10U);
  }
}

BOOST_AUTO_TEST_CASE(what_is_agreed_may_differ_from_session_to_session) {
  compressed_scenario s;
  const std::vector<compression_options> servers{
      on,
      {},
      {.enabled = true, .client_no_context_takeover = true, .server_max_window_bits = 9},
      {.enabled = true, .server_no_context_takeover = true, .client_max_window_bits = 9}};
  int number = 0;
  for (const auto& each : servers) {
    s.backend.agree_to_compression(each);
    s.in.network()->reset_links();
    if (!s.conn) s.start();
    s.in.settle();
    BOOST_REQUIRE(s.reaches(connection_state::connected));
    s.in.settle();
    BOOST_TEST(s.at_server->compression().has_value() == each.enabled);
    s.exchange(number, 20);
    number += 20;
  }
  BOOST_TEST(s.conn->snapshot().session == servers.size());
}

// What has been compressed must leave even if nobody waits for it any more.
BOOST_AUTO_TEST_CASE(a_message_that_is_cancelled_does_not_garble_those_behind_it) {
  compressed_scenario s;
  s.in.network()->conditions.latency = 50ms;
  s.connect();
  s.conn->send(large(200'000, 1), net::detached);  // the window is full
  std::array<net::cancellation_signal, 3> cancel;
  std::array<outcome, 3> sent;
  for (std::size_t i = 0; i < 3; ++i) {
    s.conn->send(line(static_cast<int>(i)),
                 net::bind_cancellation_slot(cancel.at(i).slot(), sent.at(i).send_handler()));
  }
  s.in.settle();
  cancel[1].emit(net::cancellation_type::terminal);
  s.in.run_for(5s);
  BOOST_CHECK(sent[0].delivered == delivery::written);
  BOOST_CHECK(sent[1].delivered == delivery::in_doubt);
  BOOST_CHECK(sent[2].delivered == delivery::written);
  BOOST_REQUIRE(s.got.size() == 4U);
  for (int i = 0; i < 3; ++i) BOOST_TEST(s.got[static_cast<std::size_t>(i) + 1] == line(i));
}

// A refused message has not been compressed either.
BOOST_AUTO_TEST_CASE(a_message_that_is_refused_does_not_garble_those_behind_it) {
  compressed_scenario s;
  s.given.limits.outbound_bytes = 250'000;
  s.given.limits.message_bytes = 250'000;
  s.in.network()->conditions.latency = 50ms;
  s.connect();
  s.conn->send(large(200'000, 1), net::detached);
  outcome full, broken, big;
  s.conn->send(large(60'000, 2), full.send_handler());
  s.conn->send(std::string(1000, '\xff'), broken.send_handler());
  s.conn->send(std::string(300'000, 'x'), big.send_handler());
  s.conn->send(line(1), net::detached);
  s.in.run_for(5s);
  BOOST_CHECK(full.ec == error::outbound_full);
  BOOST_CHECK(broken.ec == error::invalid_utf8);
  BOOST_CHECK(big.ec == error::message_too_big);
  BOOST_REQUIRE(s.got.size() == 2U);
  BOOST_TEST(s.got[1] == line(1));
}

BOOST_AUTO_TEST_CASE(the_outbound_limit_counts_what_the_program_has_given) {
  compressed_scenario s;
  s.given.limits.outbound_bytes = 100'000;
  s.connect();
  s.in.network()->silence_links();
  for (unsigned i = 0; i < 4; ++i)
    s.conn->send(large(60'000, i), net::detached);  // fills the window of 64 KiB
  s.in.settle();
  outcome sent;
  s.conn->send(std::string(90'000, 'x'), sent.send_handler());  // a hundred bytes, compressed
  s.in.settle();
  BOOST_CHECK(sent.ec == error::outbound_full);
}

BOOST_AUTO_TEST_CASE(a_close_with_compressed_messages_waiting_is_a_clean_one) {
  compressed_scenario s;
  s.in.network()->conditions.latency = 50ms;
  s.connect();
  std::vector<outcome> sent(20);
  for (unsigned i = 0; i < 20; ++i) s.conn->send(large(30'000, i), sent[i].send_handler());
  s.in.settle();
  s.conn->disconnect(net::detached);
  s.in.run_for(5s);
  BOOST_TEST(s.at_server->close_code() == 1000U);
  const auto written = std::ranges::count(sent, delivery::written, &outcome::delivered);
  BOOST_TEST(written == 20);  // what was accepted leaves first (R61)
  BOOST_REQUIRE(s.got.size() == static_cast<std::size_t>(written));
  for (unsigned i = 0; i < s.got.size(); ++i) BOOST_CHECK(s.got[i] == large(30'000, i));
}

BOOST_AUTO_TEST_CASE(a_bomb_is_refused_with_1009_and_a_broken_message_with_1002) {
  struct row {
    std::string frame;
    error why;
    std::uint16_t code;
  };
  std::string bomb;
  deflater({15, true}, 9).compress(std::string(64U << 20U, '\0'), bomb);
  byte_queue queue;
  encode_compressed_frame(queue, peer_role::server, opcode::binary, bomb);
  for (const auto& [frame, why, code] : {row{std::string(queue.view()), error::message_too_big, 1009},
                                         row{"\xc1\x01\x06", error::protocol_violation, 1002},
                                         row{"\xc9\x01x", error::protocol_violation, 1002}}) {
    compressed_scenario s;
    std::shared_ptr<server_session> at_server;
    s.backend.on_session([&](server_session& session) {
      at_server = session.shared_from_this();
      return [](server_session& to, std::string bytes) -> net::awaitable<void> {
        co_await to.send_raw(bytes);
        co_await to.echo();
      }(session, frame);
    });
    s.start();
    BOOST_REQUIRE(s.in.run_until([&] { return s.conn->snapshot().session == 1; }, 1s));
    BOOST_REQUIRE(s.reaches(connection_state::disconnected));
    BOOST_CHECK(s.conn->snapshot().reason.error == why);
    s.in.run_for(100ms);
    BOOST_TEST(at_server->close_code() == code);
  }
}

// Nothing is said for a while, and memory that is not needed is given back.
BOOST_AUTO_TEST_CASE(an_idle_session_goes_on_where_it_was) {
  for (const bool takeover : {true, false}) {
    compressed_scenario s(
        {.enabled = true, .client_no_context_takeover = !takeover, .server_no_context_takeover = !takeover});
    s.connect();
    s.exchange(0, 5);
    s.in.run_for(5min);
    BOOST_TEST(s.at_server->ping_count() > 5U);
    s.exchange(5, 5);
    BOOST_TEST(s.conn->snapshot().session == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
