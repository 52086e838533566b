// Both ends of a TLS session over a simulated link, and what goes through it.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "scenario.hpp"

// What one end has read, and how that ended.
struct heard {
  std::string bytes;
  error_code end;
};

inline net::awaitable<void> read_all(transport& from, heard& into) {
  std::string piece(5000, '\0');
  while (!into.end) {
    error_code ec;
    const auto count = from.read_some(piece, ec);
    into.bytes.append(piece, 0, count);
    if (would_block(ec))
      co_await from.async_wait(readiness::readable, net::redirect_error(net::use_awaitable, ec));
    into.end = ec;
  }
}

inline net::awaitable<void> say(transport& to, std::string bytes, std::optional<error_code>& done) {
  done = co_await write_all(to, bytes);
}

// One end of a session.
struct tls_end {
  void begin(world& in, transport below, const std::shared_ptr<tls_context>& context, std::string host,
             std::string server_name = {}) {
    auto made = std::make_unique<tls_stream>(std::move(below), context, in.executor(), std::move(host), 443,
                                             std::move(server_name));
    tls = made.get();
    stream.emplace(std::move(made));
    in.spawn(
        [](tls_end& self) -> net::awaitable<void> { self.result = co_await self.tls->handshake(); }(*this));
  }
  [[nodiscard]] error_code error() const { return result ? result->error : error_code(); }

  std::optional<transport> stream;
  tls_stream* tls = nullptr;  // lives in `stream`
  std::optional<tls_result> result;
  heard got;
  std::optional<error_code> said;
};

// A client and a server at "server", who trusts the authority and shows what it has issued.
struct tls_scenario {
  explicit tls_scenario(std::uint64_t seed = 1) : in(seed) {
    client_side.ca_pem = authority.certificate_pem();
    show(authority.issue());
  }
  void show(const issued_certificate& shown) {
    server_side.certificate_pem = shown.certificate_pem;
    server_side.key_pem = shown.key_pem;
  }

  // The client's end of a new link, whose other end is handed to `on_accept`.
  transport open_link(simulated_network::on_accept on_accept) {
    in.network()->listen(server_at, std::move(on_accept));
    std::optional<transport> out;
    in.spawn([](world& around, std::optional<transport>& opened) -> net::awaitable<void> {
      opened.emplace(*co_await around.network()->connect(server_at));
    }(in, out));
    in.run_until([&] { return out.has_value(); }, 1min);
    return std::move(*out);
  }

  // A new session; true: both ends are content. What the contexts were made of counts the first time.
  bool connect() {
    if (!client_context) client_context = std::make_shared<tls_context>(client_side);
    if (!server_context) server_context = std::make_shared<tls_context>(server_side);
    hang_up();
    client.emplace();
    server.emplace();
    auto below =
        open_link([this](transport accepted) { server->begin(in, std::move(accepted), server_context, {}); });
    client->begin(in, std::move(below), client_context, host, server_name);
    in.run_until([&] { return client->result && server->result; }, 1min);
    return client->result && client->result->ok() && server->result && server->result->ok();
  }
  // The code with which the client refuses, or is refused.
  error_code refusal() {
    connect();
    return client->error();
  }
  void listen() {
    in.spawn(read_all(*client->stream, client->got));
    in.spawn(read_all(*server->stream, server->got));
  }
  void hang_up() {
    if (client && client->stream) client->stream->close();
    in.run_for(1s);
    if (server && server->stream) server->stream->close();
    in.run_for(1s);
  }

  world in;
  test_authority authority;
  tls_options client_side;
  tls_server_options server_side;
  std::string host = "server";
  std::string server_name{};                    // of this attempt
  std::shared_ptr<tls_context> client_context;  // shared by all sessions of that end
  std::shared_ptr<tls_context> server_context;
  std::optional<tls_end> client;
  std::optional<tls_end> server;
};

inline std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 7 + i / 251) & 0xFFU);
  return out;
}

// OpenSSL's own session of the server that was accepted last, if its context is a watched one. Alive as long
// as its stream.
inline SSL* last_server = nullptr;
inline int keep_server(SSL* ssl, int*, void*) {
  last_server = ssl;
  return SSL_TLSEXT_ERR_OK;
}

// For what a server does in the middle of a session. It knows those that `client_ca_pem` has issued, and asks
// for no certificate by itself.
inline std::shared_ptr<net::ssl::context> watched_context(const issued_certificate& shown,
                                                          const std::string& client_ca_pem = {}) {
  auto out = std::make_shared<net::ssl::context>(net::ssl::context::tls_server);
  out->use_certificate_chain(net::buffer(shown.certificate_pem));
  out->use_private_key(net::buffer(shown.key_pem), net::ssl::context::pem);
  if (!client_ca_pem.empty()) out->add_certificate_authority(net::buffer(client_ca_pem));
  SSL_CTX_set_session_id_context(out->native_handle(), reinterpret_cast<const unsigned char*>("test"), 4);
  SSL_CTX_set_tlsext_servername_callback(out->native_handle(), keep_server);
  return out;
}

inline std::shared_ptr<net::ssl::context> watched_context_of_tls_1_2(const issued_certificate& shown) {
  auto out = watched_context(shown);
  SSL_CTX_set_max_proto_version(out->native_handle(), TLS1_2_VERSION);
  return out;
}

// RFC 8446 section 4.6.2. The request leaves with what the server writes next.
inline bool ask_for_a_certificate(SSL* server) {
  SSL_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return SSL_verify_client_post_handshake(server) == 1 && SSL_do_handshake(server) == 1;
}

// RFC 5246 section 7.4.1.1. The request leaves with what the server writes next.
inline bool ask_to_negotiate_anew(SSL* server) {
  SSL_clear_options(server, SSL_OP_NO_RENEGOTIATION);
  return SSL_renegotiate(server) == 1 && SSL_do_handshake(server) == 1;
}

// The common name of the certificate that the client has shown; empty: none.
inline std::string shown_to(SSL* server) {
  const auto* const certificate = SSL_get0_peer_certificate(server);
  if (certificate == nullptr) return {};
  std::string out(100, '\0');
  const auto size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, out.data(),
                                              static_cast<int>(out.size()));
  out.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return out;
}

// Up to the end of an HTTP request; less: the stream has ended.
inline net::awaitable<std::string> read_request(transport& from) {
  std::string request;
  std::string piece(4096, '\0');
  while (request.find("\r\n\r\n") == std::string::npos) {
    error_code ec;
    request.append(piece, 0, from.read_some(piece, ec));
    if (would_block(ec))
      co_await from.async_wait(readiness::readable, net::redirect_error(net::use_awaitable, ec));
    if (ec) break;
  }
  co_return request;
}

inline std::string upgrade_answer(const std::string& request) {
  const auto head = parse_request(request);
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         websocket_accept((*head)->header("Sec-WebSocket-Key")) + "\r\n\r\n";
}
