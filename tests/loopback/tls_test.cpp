// TLS through the kernel: a client's stream against the scripted server at a real port.
#include <memory>
#include <optional>
#include <utility>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(real_tls)

namespace {

// Connects, and leaves the session in `stream`, or why there is none in `result`.
net::awaitable<void> open_session(loopback& here, std::shared_ptr<tls_context> context, std::string host,
                                  std::optional<transport>& stream, std::optional<tls_result>& result) {
  const peer_address at{net::ip::address_v4::loopback(), here.port.number()};
  auto connected = co_await real_network()->connect(at);
  auto secured = std::make_unique<tls_stream>(std::move(*connected), std::move(context),
                                              here.io.get_executor(), std::move(host), at.port);
  auto& shaking = *secured;
  stream.emplace(std::move(secured));
  result = co_await shaking.handshake();
}

// The upgrade, a large message in one frame from the server, and the end.
net::awaitable<void> read_to_the_end(transport& from, std::string& bytes, error_code& end) {
  const std::string request =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  end = co_await write_all(from, request);
  std::string place(64 * 1024, '\0');
  while (!end) {
    const auto count = from.read_some(place, end);
    bytes.append(place, 0, count);
    if (would_block(end))
      co_await from.async_wait(readiness::readable, net::redirect_error(net::use_awaitable, end));
  }
}

void rethrow(const std::exception_ptr& thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

struct tls_loopback : loopback {
  explicit tls_loopback(tls_server_options how = {}) {
    const auto shown = authority.issue({.ip = "127.0.0.1"});
    how.certificate_pem = shown.certificate_pem;
    how.key_pem = shown.key_pem;
    if (!how.client_ca_pem.empty()) how.client_ca_pem = authority.certificate_pem();
    backend.use_tls(how);
  }
  test_authority authority;
  std::shared_ptr<tls_context> trusting =
      std::make_shared<tls_context>(tls_options{.ca_pem = authority.certificate_pem()});
};

}  // namespace

BOOST_AUTO_TEST_CASE(eight_mebibytes_come_through_a_real_socket) {
  tls_loopback here;
  const std::string payload(8U << 20U, 'x');
  here.backend.on_session([&payload](server_session& session) -> net::awaitable<void> {
    co_await session.send(payload, message_kind::binary);
  });
  std::optional<transport> stream;
  std::optional<tls_result> result;
  net::co_spawn(here.io, open_session(here, here.trusting, "127.0.0.1", stream, result), rethrow);
  BOOST_REQUIRE(here.run_until([&] { return result.has_value(); }));
  BOOST_REQUIRE(result->ok());
  BOOST_TEST(here.port.url().starts_with("wss://127.0.0.1:"));
  std::string bytes;
  error_code end;
  net::co_spawn(here.io, read_to_the_end(*stream, bytes, end), rethrow);
  BOOST_REQUIRE(here.run_until([&] { return end && !would_block(end); }));
  BOOST_TEST(end == net::error::eof);
  BOOST_TEST(bytes.ends_with(payload));
}

BOOST_AUTO_TEST_CASE(a_certificate_for_another_host_is_refused) {
  tls_loopback here;
  std::optional<transport> stream;
  std::optional<tls_result> result;
  net::co_spawn(here.io, open_session(here, here.trusting, "other", stream, result), rethrow);
  BOOST_REQUIRE(here.run_until([&] { return result.has_value(); }));
  BOOST_CHECK(result->error == error::certificate_wrong_host);
}

// The server hangs up with a reset, because it has not read what was written behind the handshake.
BOOST_AUTO_TEST_CASE(a_client_without_the_certificate_that_is_wanted_learns_it_whatever_comes_first) {
  for (int i = 0; i < 20; ++i) {
    tls_loopback here({.client_ca_pem = "its own"});
    std::optional<transport> stream;
    std::optional<tls_result> result;
    net::co_spawn(here.io, open_session(here, here.trusting, "127.0.0.1", stream, result), rethrow);
    BOOST_REQUIRE(here.run_until([&] { return result.has_value(); }));
    BOOST_TEST(result->ok());
    std::string bytes;
    error_code end;
    net::co_spawn(here.io, read_to_the_end(*stream, bytes, end), rethrow);
    BOOST_REQUIRE(here.run_until([&] { return end && !would_block(end); }));
    BOOST_CHECK(end == error::client_certificate_refused);
    BOOST_TEST(stream->error_detail() == "TLS alert certificate required");
  }
}

// SIGPIPE would end the program.
BOOST_AUTO_TEST_CASE(writing_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
  tls_loopback here;
  std::optional<transport> stream;
  std::optional<tls_result> result;
  net::co_spawn(here.io, open_session(here, here.trusting, "127.0.0.1", stream, result), rethrow);
  BOOST_REQUIRE(here.run_until([&] { return result.has_value(); }));
  here.backend.on_upgrade([](const http_head&) { return http_answer{}; });
  std::string bytes;
  error_code end;
  net::co_spawn(here.io, read_to_the_end(*stream, bytes, end), rethrow);
  BOOST_REQUIRE(here.run_until([&] { return end && !would_block(end); }));
  error_code ec;
  BOOST_REQUIRE(here.run_until([&] {
    stream->write_some(std::string(100'000, '.'), ec);
    return ec && !would_block(ec);
  }));
  stream->close();
}

BOOST_AUTO_TEST_SUITE_END()
