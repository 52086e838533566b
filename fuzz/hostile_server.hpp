// A server in the simulated network that answers an upgrade with the input, in pieces, and does the same to
// each socket that comes.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

import holdfast;
import holdfast.testing;
import holdfast.wire;

namespace fuzzed {

namespace net = boost::asio;
using namespace std::chrono_literals;

inline const holdfast::peer_address server_at{net::ip::make_address("10.0.0.1"), 80};

enum class preface : std::uint8_t { none, plain, v1, compressed };  // what goes before the input

struct hostility {
  preface before = preface::none;
  bool lines = false;   // each line of the input is the payload of a text frame
  bool login = false;   // of holdfast.v1, valid, before the input
  bool pauses = false;  // between the pieces
  bool hangs_up = false;
  std::size_t piece = 1;
  std::string_view input{};
};

class hostile_server {
 public:
  hostile_server(holdfast::testing::world& in, hostility how) {
    in.network()->add_name("server", {server_at.address});
    in.network()->listen(server_at, [&in, how](holdfast::transport accepted) {
      in.spawn(serve(how, std::make_shared<holdfast::transport>(std::move(accepted))));
    });
  }

 private:
  using shared_stream = std::shared_ptr<holdfast::transport>;  // with the coroutine only

  static net::awaitable<void> serve(hostility how, shared_stream stream) {
    const auto request = co_await read_request(*stream);
    if (!request) co_return;
    const auto bytes = all_bytes(how, holdfast::websocket_accept(request->header("Sec-WebSocket-Key")));
    // Never more than 16: what matters is where they end, not how many there are.
    const auto piece = std::max(how.piece, bytes.size() / 16);
    holdfast::timer pause(co_await net::this_coro::executor);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto ec = co_await holdfast::write_all(*stream, std::string_view(bytes).substr(at, piece));
      if (ec) co_return;
      if (how.pauses) co_await pause.async_wait_until(holdfast::clock::now() + 1ms, net::use_awaitable);
    }
    if (how.hangs_up) co_return stream->close();
    for (std::string ignored; [[maybe_unused]] const bool arrived = co_await read(*stream, ignored);)
      ignored.clear();
  }

  // At least a byte; false: the client has gone.
  static net::awaitable<bool> read(holdfast::transport& from, std::string& into) {
    std::array<char, 4096> place;  // filled by what is read
    for (holdfast::error_code ec; !ec;) {
      const auto count = from.read_some(place, ec);
      into.append(place.data(), count);
      if (count != 0) co_return true;
      if (holdfast::would_block(ec))
        co_await from.async_wait(holdfast::readiness::readable, net::redirect_error(net::use_awaitable, ec));
    }
    co_return false;
  }

  static net::awaitable<std::optional<holdfast::http_head>> read_request(holdfast::transport& from) {
    for (std::string bytes; [[maybe_unused]] const bool arrived = co_await read(from, bytes);) {
      auto head = holdfast::parse_request(bytes);
      if (head.has_value() && *head) co_return std::move(*head);
    }
    co_return std::nullopt;
  }

  static std::string all_bytes(const hostility& how, const std::string& accept) {
    if (how.before == preface::none) return with_accept(how.input, accept);
    std::string out = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    out += "Sec-WebSocket-Accept: " + accept + "\r\n";
    if (how.before == preface::v1) out += "Sec-WebSocket-Protocol: holdfast.v1\r\n";
    if (how.before == preface::compressed) out += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    out += "\r\n";
    holdfast::byte_queue frames;
    if (how.login) add_text(frames, R"({"type":"ready","session":"s1","resumed":false,"seq":0})");
    for (auto rest = how.lines ? how.input : std::string_view(); !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      add_text(frames, line);
    }
    out += frames.view();
    return how.lines ? out : out.append(how.input);
  }

  static void add_text(holdfast::byte_queue& to, std::string_view payload) {
    holdfast::encode_frame(to, holdfast::peer_role::server, holdfast::opcode::text, payload);
  }

  // The input cannot know the right answer to a key: it may write {accept}.
  static std::string with_accept(std::string_view input, const std::string& accept) {
    constexpr std::string_view place = "{accept}";
    std::string out(input);
    if (const auto at = out.find(place); at != std::string::npos) out.replace(at, place.size(), accept);
    return out;
  }
};

}  // namespace fuzzed
