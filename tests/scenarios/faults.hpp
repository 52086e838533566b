// Servers that do not keep to the rules, and scripts for those that do, up to a point.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "scenario.hpp"

// Reads the request, answers with `bytes` whatever it was, and then hangs up, or holds the socket.
inline net::awaitable<void> speak(std::shared_ptr<transport> stream, std::string bytes, bool hold) {
  std::array<char, 4096> place{};
  for (bool answered = false;;) {
    error_code ec;
    stream->read_some(place, ec);
    if (ec == net::error::would_block) {
      const auto [failed] =
          co_await stream->async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
      if (failed) co_return;
      continue;
    }
    if (ec) co_return;
    if (std::exchange(answered, true)) continue;
    stream->write_some(bytes, ec);
    if (!hold) co_return;
  }
}

// From now on whoever connects to `at` hears `bytes` instead of a WebSocket server.
inline void answer_with(world& in, const peer_address& at, const std::string& bytes, bool hold) {
  in.network()->listen(at, [&in, bytes, hold](transport stream) {
    in.spawn(speak(std::make_shared<transport>(std::move(stream)), bytes, hold));
  });
}

// For a peer that is made by hand: reads the request and welcomes the client. False: there was none.
inline net::awaitable<bool> welcome(transport& stream) {
  std::array<char, 4096> place{};
  std::string request;
  for (;;) {
    error_code ec;
    request.append(place.data(), stream.read_some(place, ec));
    if (ec == net::error::would_block) {
      const auto [failed] =
          co_await stream.async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
      ec = failed;
    }
    if (ec) co_return false;
    const auto head = parse_request(request);
    if (head.has_error()) co_return false;
    if (!*head) continue;
    co_return !co_await write_all(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
            websocket_accept((*head)->header("Sec-WebSocket-Key")) + "\r\n\r\n");
  }
}

// Scripts of a session. They take what they need by value: a coroutine must not lean on a closure.
inline net::awaitable<void> close_after(server_session& session, clock::duration span, std::uint16_t code,
                                        std::string text) {
  if (const bool goes_on = co_await session.echo_for(span); goes_on) co_await session.close(code, text);
}
inline net::awaitable<void> drop_after(server_session& session, clock::duration span) {
  co_await session.echo_for(span);
}
inline net::awaitable<void> be_silent(server_session& session, clock::duration after) {
  if (const bool goes_on = co_await session.echo_for(after); goes_on) co_await session.fall_silent_for(24h);
}
// Sends a message each `pause`, without ever reading (so no ping is answered).
inline net::awaitable<void> talk_without_listening(server_session& session, clock::duration pause) {
  co_await session.fall_silent_for(0s);
  timer wait(co_await net::this_coro::executor);
  while (!session.ended()) {
    co_await session.send("tick");
    co_await wait.async_wait_until(clock::now() + pause, net::use_awaitable);
  }
}

// Keeps hold of the latest session, so that a test can ask it.
struct watched_session {
  explicit watched_session(server& of, server::script script) {
    of.on_session([this, script = std::move(script)](server_session& session) {
      latest = session.shared_from_this();
      return script(session);
    });
  }
  std::shared_ptr<server_session> latest;
};

inline server::script closes_with(std::uint16_t code, clock::duration after = 0s, std::string text = {}) {
  return [=](server_session& session) { return close_after(session, after, code, text); };
}
inline server::script drops(clock::duration after = 0s) {
  return [=](server_session& session) { return drop_after(session, after); };
}
inline server::script goes_silent(clock::duration after = 0s) {
  return [=](server_session& session) { return be_silent(session, after); };
}
