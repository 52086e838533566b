// Both ends of a TLS session over a simulated link, and what goes through it.
#pragma once

#include <boost/asio.hpp>
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
  void begin(world& in, transport below, const std::shared_ptr<tls_context>& context, std::string host) {
    auto made = std::make_unique<tls_stream>(std::move(below), context, in.executor(), std::move(host), 443);
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
    client->begin(in, std::move(below), client_context, host);
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
