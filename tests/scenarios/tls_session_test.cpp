// A whole connection over TLS: its sessions, its writer, and the scripted server.
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(tls_sessions)

namespace {

// Each connect is followed by a handshake.
class secure_network final : public network {
 public:
  secure_network(std::shared_ptr<network> below, tls_options how, net::any_io_executor executor)
      : below_(std::move(below)),
        context_(std::make_shared<tls_context>(how)),
        executor_(std::move(executor)) {}

  net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) override {
    return below_->resolve(std::move(host), port);
  }
  net::awaitable<result<transport>> connect(peer_address peer) override {
    auto plain = co_await below_->connect(peer);
    if (plain.has_error()) co_return plain.error();
    auto secured = std::make_unique<tls_stream>(std::move(*plain), context_, executor_, "server", peer.port);
    const auto shaken = co_await secured->handshake();
    if (!shaken.ok()) co_return shaken.error;
    co_return transport(std::move(secured));
  }

 private:
  const std::shared_ptr<network> below_;
  const std::shared_ptr<tls_context> context_;  // shared with its streams
  const net::any_io_executor executor_;
};

struct secure_scenario : scenario {
  secure_scenario() {
    const auto shown = authority.issue();
    backend.use_tls({.certificate_pem = shown.certificate_pem, .key_pem = shown.key_pem});
    given.network = std::make_shared<secure_network>(
        in.network(), tls_options{.ca_pem = authority.certificate_pem()}, in.executor());
  }
  test_authority authority;
};

}  // namespace

BOOST_AUTO_TEST_CASE(messages_of_all_sizes_go_and_come_over_tls) {
  secure_scenario s;
  s.in.network()->conditions = {.window_bytes = 5000, .largest_piece_bytes = 700};
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  for (const std::size_t size : {0U, 1U, 1000U, 16'384U, 100'000U, 1'000'000U}) {
    const auto payload = pattern(size);
    outcome sent;
    std::optional<message> back;
    conn.send(payload, {.kind = message_kind::binary}, sent.send_handler());
    conn.receive([&](error_code, message got) { back = std::move(got); });
    s.in.run_until([&] { return back.has_value(); }, 1min);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((back->payload == payload));
    BOOST_TEST((sent.delivered == delivery::written));
  }
  BOOST_TEST(conn.snapshot().sequence == 2U);
}

BOOST_AUTO_TEST_CASE(a_message_that_counts_as_written_leaves_although_nothing_follows_it) {
  secure_scenario s;
  std::string arrived;
  s.backend.on_session([&arrived](server_session& session) -> net::awaitable<void> {
    while (const auto next = co_await session.receive()) arrived = next->payload;
  });
  s.in.network()->conditions.window_bytes = 1000;
  s.given.heartbeat.ping_interval = 1h;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome sent;
  const auto payload = pattern(50'000);
  conn.send(payload, {.kind = message_kind::binary}, sent.send_handler());
  s.in.settle();
  BOOST_TEST((sent.delivered == delivery::written));
  BOOST_TEST(arrived.empty());
  s.in.run_for(10s);
  BOOST_TEST((arrived == payload));
}

BOOST_AUTO_TEST_CASE(a_dropped_session_comes_back_and_is_resumed) {
  secure_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.in.run_for(1s);
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until([&] { return conn.snapshot().sequence >= 5; }, 1min));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.backend.handshakes() == 2U);
  BOOST_TEST(s.backend.resumptions() == 1U);
}

// covers R29
BOOST_AUTO_TEST_CASE(closing_takes_no_longer_than_without_tls) {
  secure_scenario s;
  auto& conn = s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  outcome closed;
  const auto began = s.in.now();
  conn.close(closed.handler());
  s.in.run_for(10s);
  BOOST_TEST(closed.calls == 1);
  BOOST_TEST(!closed.ec);
  BOOST_TEST((closed.at - began < 100ms));
  BOOST_TEST(s.backend.open_sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(a_server_that_stalls_in_its_handshake_is_given_up_at_the_deadline) {
  for (const std::size_t bytes : {0U, 300U}) {
    secure_scenario s;
    s.backend.stall_tls_after(bytes);
    auto& conn = s.start();
    const recorder seen(conn);
    s.in.run_for(s.given.deadlines.connect + 1s);
    BOOST_TEST(seen.trace().find("deadline reached") != std::string::npos);
    BOOST_TEST(s.backend.handshakes() == 0U);
    s.backend.stall_tls_after({});
    BOOST_TEST(s.reaches(connection_state::connected));
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_wants_a_certificate_refuses_who_has_none) {
  secure_scenario s;
  const auto shown = s.authority.issue();
  s.backend.use_tls({.certificate_pem = shown.certificate_pem,
                     .key_pem = shown.key_pem,
                     .client_ca_pem = s.authority.certificate_pem()});
  auto& conn = s.start();
  s.in.run_for(100ms);
  BOOST_CHECK(conn.snapshot().reason.error == error::client_certificate_refused);
  BOOST_TEST(s.backend.sessions() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
