// What is carried: that it arrives, whole and in order, and that the sender is told the truth.
#include "faults.hpp"

BOOST_AUTO_TEST_SUITE(messages)

namespace {

// What the server got, in the order in which it came.
struct collector {
  explicit collector(server& of) {
    of.on_session([this](server_session& session) { return collect(session, got); });
  }
  static net::awaitable<void> collect(server_session& session, std::vector<message>& into) {
    while (auto next = co_await session.receive()) into.push_back(std::move(*next));
  }
  std::vector<message> got;
};

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + i * 7 % 26 + i / 26 % 3);
  return out;
}

void connect(scenario& s) {
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
}

net::awaitable<void> send_many(connection& conn, std::string name, int count, int& written) {
  for (int i = 0; i < count; ++i) {
    const auto sent = co_await conn.send(name + std::to_string(i));
    written += sent.ok() ? 1 : 0;
    if (i % 7 == 0) co_await conn.ping();
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_that_has_left_is_written) {
  scenario s;
  const collector at_server(s.backend);
  connect(s);
  outcome text, binary, empty;
  s.conn->send("text \xc3\xa9", text.send_handler());
  s.conn->send(std::string_view("\xff\x00\xfe", 3), {.kind = message_kind::binary}, binary.send_handler());
  s.conn->send("", empty.send_handler());
  s.in.settle();
  for (const auto* each : {&text, &binary, &empty}) {
    BOOST_TEST(each->calls == 1);
    BOOST_TEST((each->delivered == delivery::written));
    BOOST_TEST(!each->ec);
  }
  s.in.run_for(1s);
  BOOST_REQUIRE(at_server.got.size() == 3U);
  BOOST_TEST(at_server.got[0].payload == "text \xc3\xa9");
  BOOST_TEST((at_server.got[0].kind == message_kind::text));
  BOOST_TEST(at_server.got[1].payload == std::string("\xff\x00\xfe", 3));
  BOOST_TEST((at_server.got[1].kind == message_kind::binary));
  BOOST_TEST(at_server.got[2].payload.empty());
}

// covers G29
BOOST_AUTO_TEST_CASE(without_a_session_a_message_is_refused_with_no_connection) {
  scenario s;
  s.in.network()->break_name("server", {});
  s.conn.emplace(s.in.executor(), s.given);
  outcome sent;
  const auto is_refused = [&](error why) {
    s.conn->send("hello", sent.send_handler());
    s.in.settle();
    return sent.delivered == delivery::not_sent && sent.ec == make_error_code(why);
  };
  BOOST_TEST(is_refused(error::no_connection));
  s.conn->run(net::detached);
  s.in.settle();
  BOOST_REQUIRE((s.conn->status() == connection_state::connecting));
  BOOST_TEST(is_refused(error::no_connection));
  s.in.network()->add_name("server", {server_at.address});
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.network()->reset_links();
  s.in.settle();
  BOOST_TEST(is_refused(error::no_connection));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.conn->disconnect(net::detached);
  s.in.settle();
  BOOST_TEST(is_refused(error::no_connection));
  s.conn->close(net::detached);
  s.in.settle();
  BOOST_TEST(is_refused(error::closed));
  BOOST_TEST(sent.calls == 5);
}

BOOST_AUTO_TEST_CASE(the_outbound_limits_refuse_the_newest) {
  scenario s;
  s.backend.on_session(goes_silent());
  connect(s);
  s.conn->send(std::string(100'000, 'x'), net::detached);  // the window is full
  s.in.settle();
  std::vector<outcome> sent(1100);
  for (auto& each : sent) s.conn->send("small", each.send_handler());
  s.in.settle();
  const auto refused = std::ranges::count_if(
      sent, [](const outcome& each) { return each.ec == make_error_code(error::outbound_full); });
  BOOST_TEST(refused == 1100 - 1023);
  BOOST_TEST((sent[1022].calls == 0 && sent[1023].calls == 1));
  BOOST_TEST((sent[1023].delivered == delivery::not_sent));
  BOOST_TEST((s.conn->status() == connection_state::connected));
}

BOOST_AUTO_TEST_CASE(the_outbound_byte_limit_counts_what_waits) {
  scenario s;
  s.backend.on_session(goes_silent());
  connect(s);
  std::vector<outcome> sent(12);
  for (auto& each : sent) s.conn->send(std::string(100'000, 'x'), each.send_handler());
  s.in.settle();
  BOOST_TEST(sent[9].calls == 0);
  for (const auto i : {10U, 11U}) BOOST_TEST(sent[i].ec == make_error_code(error::outbound_full));
}

BOOST_AUTO_TEST_CASE(what_no_peer_would_take_is_refused_and_leaves_the_socket_alone) {
  scenario s;
  s.given.limits.message_bytes = 1 << 20;
  const collector at_server(s.backend);
  connect(s);
  outcome big, largest, text, binary;
  s.conn->send(std::string((1 << 20) + 1, 'x'), big.send_handler());
  s.conn->send("\xc3\x28", text.send_handler());
  s.conn->send("\xc3\x28", {.kind = message_kind::binary}, binary.send_handler());
  s.in.run_for(1s);
  s.conn->send(std::string(1 << 20, 'x'), largest.send_handler());
  s.in.run_for(1s);
  BOOST_TEST(big.ec == make_error_code(error::message_too_big));
  BOOST_TEST((big.delivered == delivery::not_sent));
  BOOST_TEST(text.ec == make_error_code(error::invalid_utf8));
  BOOST_TEST((binary.delivered == delivery::written));
  BOOST_TEST((largest.delivered == delivery::written));
  BOOST_REQUIRE(at_server.got.size() == 2U);
  BOOST_TEST(at_server.got[1].payload.size() == 1U << 20U);
  BOOST_TEST(s.conn->snapshot().session == 1U);
}

BOOST_AUTO_TEST_CASE(many_sends_leave_in_the_order_of_the_calls) {
  for (const std::size_t piece : {std::size_t{64 * 1024}, std::size_t{13}}) {
    scenario s;
    s.in.network()->conditions.largest_piece_bytes = piece;
    const collector at_server(s.backend);
    connect(s);
    for (int i = 0; i < 3000; ++i) {
      s.conn->send(std::to_string(i), net::detached);
      if (i % 500 == 0) s.in.run_for(100ms);
    }
    s.in.run_for(10s);
    BOOST_REQUIRE(at_server.got.size() == 3000U);
    for (int i = 0; i < 3000; ++i) {
      BOOST_REQUIRE(at_server.got[static_cast<std::size_t>(i)].payload == std::to_string(i));
    }
  }
}

// covers R36
BOOST_AUTO_TEST_CASE(many_coroutines_may_send_and_ping_at_once) {
  scenario s;
  s.in.network()->conditions.largest_piece_bytes = 100;
  const collector at_server(s.backend);
  connect(s);
  int written = 0;
  for (int i = 0; i < 50; ++i)
    s.in.spawn(send_many(*s.conn, std::string(1, static_cast<char>('A' + i)), 40, written));
  s.in.run_for(30s);
  BOOST_TEST(written == 50 * 40);
  BOOST_REQUIRE(at_server.got.size() == 2000U);
  std::array<int, 50> next{};
  for (const auto& each : at_server.got) {
    auto& expected = next.at(static_cast<std::size_t>(each.payload[0] - 'A'));
    BOOST_REQUIRE(each.payload.substr(1) == std::to_string(expected++));
  }
  BOOST_TEST(s.conn->snapshot().session == 1U);
}

BOOST_AUTO_TEST_CASE(a_ping_does_not_wait_behind_a_megabyte_of_user_data) {
  scenario s;
  s.in.network()->conditions.latency = 100ms;  // 64 KiB of window: 1 MiB takes 1.6 s
  const collector at_server(s.backend);
  connect(s);
  std::vector<outcome> sent(16);
  const auto began = s.in.now();
  for (auto& each : sent) s.conn->send(std::string(64 * 1024, 'x'), each.send_handler());
  s.in.settle();
  clock::duration round_trip{};
  outcome answered;
  s.conn->ping([&](error_code ec, clock::duration time) {
    round_trip = time;
    answered.handler()(ec);
  });
  s.in.run_for(10s);
  BOOST_TEST((sent.back().at - began > clock::duration(1300ms)));
  BOOST_TEST(answered.calls == 1);
  BOOST_TEST(!answered.ec);
  BOOST_TEST((round_trip >= clock::duration(200ms)));
  BOOST_TEST((round_trip <= clock::duration(500ms)));
  BOOST_TEST(at_server.got.size() == 16U);
}

BOOST_AUTO_TEST_CASE(a_megabyte_crosses_a_link_that_moves_seven_bytes_at_a_time) {
  scenario s;
  s.in.network()->conditions = {.latency = 1us, .largest_piece_bytes = 7};
  connect(s);
  const auto payload = pattern(is_sanitized ? 100'000 : 1 << 20);
  std::string echo;
  s.in.spawn([](connection& conn, const std::string& what, std::string& back) -> net::awaitable<void> {
    BOOST_TEST((co_await conn.send(what, {.kind = message_kind::binary})).ok());
    const auto received = co_await conn.receive();
    BOOST_TEST((received.kind == message_kind::binary));
    back = received.payload;
  }(*s.conn, payload, echo));
  s.in.run_for(10s);
  BOOST_TEST((echo == payload));
}

BOOST_AUTO_TEST_CASE(a_batch_holds_all_that_waits) {
  scenario s;
  s.backend.on_session([](server_session& session) -> net::awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      co_await session.send(std::to_string(i), i % 2 == 0 ? message_kind::text : message_kind::binary);
    }
    co_await session.echo();
  });
  connect(s);
  s.in.run_for(1s);
  message_batch first, second;
  s.conn->receive_batch([&](error_code, message_batch batch) { first = std::move(batch); });
  s.conn->receive_batch([&](error_code, message_batch batch) { second = std::move(batch); });
  s.in.settle();
  BOOST_REQUIRE(first.size() == 20U);
  for (std::size_t i = 0; i < 20; ++i) {
    BOOST_TEST(first[i].payload == std::to_string(i));
    BOOST_TEST((first[i].kind == (i % 2 == 0 ? message_kind::text : message_kind::binary)));
  }
  BOOST_TEST(second.empty());
  s.conn->send("one more", net::detached);
  s.in.run_for(1s);
  BOOST_REQUIRE(second.size() == 1U);
  BOOST_TEST(second[0].payload == "one more");
}

BOOST_AUTO_TEST_CASE(a_fragmented_message_with_a_ping_inside_is_one_message) {
  for (const std::size_t piece : {std::size_t{64 * 1024}, std::size_t{1}}) {
    scenario s;
    s.in.network()->conditions.largest_piece_bytes = piece;
    s.backend.on_session([](server_session& session) -> net::awaitable<void> {
      using namespace std::string_literals;
      co_await session.send_raw("\x01\x02\xc3\xa9\x89\x01p\x00\x00\x00\x01\xe2\x80\x02\x82\xac\x82\x01\xff"s);
      co_await session.echo();
    });
    connect(s);
    std::vector<message> got(2);
    s.conn->receive([&](error_code, message next) { got[0] = std::move(next); });
    s.conn->receive([&](error_code, message next) { got[1] = std::move(next); });
    s.in.run_for(1s);
    BOOST_TEST(got[0].payload == "\xc3\xa9\xe2\x82\xac");
    BOOST_TEST((got[0].kind == message_kind::text));
    BOOST_TEST(got[1].payload == "\xff");
    BOOST_TEST((got[1].kind == message_kind::binary));
    BOOST_TEST((s.conn->status() == connection_state::connected));
  }
}

BOOST_AUTO_TEST_CASE(a_peer_that_breaks_the_rules_is_told_so_and_dialled_again) {
  using namespace std::string_literals;
  struct row {
    const char* name;
    std::string bytes;
    error why;
    std::uint16_t code;
  };
  const std::vector<row> rows{
      {"reserved bit", "\xc1\x01x"s, error::protocol_violation, 1002},
      {"masked", "\x81\x81\x01\x02\x03\x04x"s, error::protocol_violation, 1002},
      {"reserved opcode", "\x83\x01x"s, error::protocol_violation, 1002},
      {"reserved control opcode", "\x8b\x00"s, error::protocol_violation, 1002},
      {"fragmented ping", "\x09\x01x"s, error::protocol_violation, 1002},
      {"long ping", "\x89\x7e\x00\x7e"s + std::string(126, 'x'), error::protocol_violation, 1002},
      {"continuation of nothing", "\x80\x01x"s, error::protocol_violation, 1002},
      {"a message in a message", "\x01\x01x\x81\x01y"s, error::protocol_violation, 1002},
      {"length not minimal", "\x81\x7e\x00\x01x"s, error::protocol_violation, 1002},
      {"close of one byte", "\x88\x01x"s, error::protocol_violation, 1002},
      {"close with 1005", "\x88\x02\x03\xed"s, error::protocol_violation, 1002},
      {"close reason not UTF-8", "\x88\x03\x03\xe8\xff"s, error::invalid_utf8, 1007},
      {"text not UTF-8", "\x81\x02\xc3\x28"s, error::invalid_utf8, 1007},
      {"text cut inside a character", "\x01\x01\xc3\x80\x00"s, error::invalid_utf8, 1007},
      {"17 MiB announced", "\x82\x7f\x00\x00\x00\x00\x01\x10\x00\x00"s, error::message_too_big, 1009},
  };
  for (const auto& each : rows) {
    for (const std::size_t piece : {std::size_t{64 * 1024}, std::size_t{1}}) {
      BOOST_TEST_CONTEXT(each.name << ", in pieces of " << piece) {
        scenario s;
        s.in.network()->conditions.largest_piece_bytes = piece;
        std::shared_ptr<server_session> at_server;
        s.backend.on_session([&](server_session& session) {
          at_server = session.shared_from_this();
          return [](server_session& to, std::string bytes) -> net::awaitable<void> {
            co_await to.send_raw(bytes);
            co_await to.echo();
          }(session, "\x81\x02ok" + each.bytes);
        });
        s.start();
        outcome received, next;
        s.conn->receive(received.handler());
        s.conn->receive(next.handler());
        BOOST_REQUIRE(s.in.run_until(
            [&] {
              return s.conn->snapshot().session == 1 && s.conn->status() == connection_state::disconnected;
            },
            5s));
        const auto now = s.conn->snapshot();
        BOOST_TEST(now.reason.error == make_error_code(each.why));
        BOOST_TEST((now.reason.at == stage::session));
        BOOST_TEST(now.reason.close_code == 0U);
        BOOST_TEST(now.rule == "flapping");  // a broken peer may be a broken proxy: tried again, ever slower
        BOOST_TEST((now.retry_in && !now.final));
        s.in.run_for(100ms);
        BOOST_TEST(at_server->close_code() == each.code);
        BOOST_TEST((received.calls == 1 && !received.ec));  // what came before it is not lost
        BOOST_TEST(next.calls == 0);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
