// The server's side of the upgrade, and the choice of the script.
module;
#include <array>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.testing;

import holdfast;
import holdfast.wire;
import :stalling_stream;

namespace holdfast::testing {

struct server::implementation : std::enable_shared_from_this<implementation> {
  explicit implementation(net::any_io_executor on) : executor(std::move(on)) {}

  void accept(transport stream);
  net::awaitable<bool> secure(net::any_io_executor strand, std::shared_ptr<transport> stream);
  net::awaitable<void> serve(net::any_io_executor strand, std::shared_ptr<transport> stream);
  net::awaitable<std::optional<http_head>> read_request(transport& stream);

  const net::any_io_executor executor;
  std::mutex mutex;  // scripts may be changed while other threads begin sessions
  script session_script = [](server_session& session) { return session.echo(); };
  gate upgrade_gate;
  std::atomic<bool> closes_at_once{false};
  bool never = false;
  compression_options compression;
  std::shared_ptr<tls_context> tls;  // shared by the TLS streams
  std::optional<std::size_t> tls_stalls_after;
  std::atomic<std::size_t> accepted{0};
  std::atomic<std::size_t> sessions{0};
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> handshakes{0};
  std::atomic<std::size_t> resumptions{0};
};

server::server(net::any_io_executor executor)
    : implementation_(std::make_shared<implementation>(std::move(executor))) {}

server::server(world& in, peer_address at) : server(in.executor()) {
  in.network()->listen(at, [self = implementation_](transport stream) { self->accept(std::move(stream)); });
}

server::~server() = default;

void server::on_session(script next) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->session_script = std::move(next);
}

void server::on_upgrade(gate next) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->upgrade_gate = std::move(next);
}

void server::close_at_once(bool close) { implementation_->closes_at_once = close; }

void server::never_upgrade(bool never) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->never = never;
}

void server::agree_to_compression(compression_options within) {
  validate(within);
  const std::lock_guard lock(implementation_->mutex);
  implementation_->compression = within;
}

void server::use_tls(const tls_server_options& how) {
  auto context = std::make_shared<tls_context>(how);
  const std::lock_guard lock(implementation_->mutex);
  implementation_->tls = std::move(context);
}

void server::stall_tls_after(std::optional<std::size_t> written_bytes) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->tls_stalls_after = written_bytes;
}

bool server::uses_tls() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->tls != nullptr;
}

std::size_t server::handshakes() const noexcept { return implementation_->handshakes; }
std::size_t server::resumptions() const noexcept { return implementation_->resumptions; }
std::size_t server::accepted() const noexcept { return implementation_->accepted; }
std::size_t server::sessions() const noexcept { return implementation_->sessions; }
std::size_t server::open_sessions() const noexcept { return implementation_->open; }

void server::accept(transport stream) { implementation_->accept(std::move(stream)); }

void server::implementation::accept(transport stream) {
  ++accepted;
  if (closes_at_once) return;  // which closes the stream
  const net::any_io_executor strand = net::make_strand(executor);
  auto shared = std::make_shared<transport>(std::move(stream));
  net::co_spawn(
      strand, [self = shared_from_this(), strand, shared] { return self->serve(strand, shared); },
      [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

net::awaitable<std::optional<http_head>> server::implementation::read_request(transport& stream) {
  std::string bytes;
  std::array<char, 4096> piece{};
  for (;;) {
    error_code ec;
    const auto count = stream.read_some(piece, ec);
    bytes.append(piece.data(), count);
    if (would_block(ec)) {
      const auto [failed] =
          co_await stream.async_wait(readiness::readable, net::as_tuple(net::use_awaitable));
      ec = failed;
    }
    if (ec) co_return std::nullopt;
    auto head = parse_request(bytes);
    if (head.has_error()) co_return std::nullopt;
    if (*head) co_return std::move(**head);
  }
}

// Returns false if the client is gone or was refused. Does nothing without TLS.
net::awaitable<bool> server::implementation::secure(net::any_io_executor strand,
                                                    std::shared_ptr<transport> stream) {
  std::unique_lock lock(mutex);
  const auto context = tls;
  const auto stalls_after = tls_stalls_after;
  lock.unlock();
  if (!context) co_return true;
  auto below = stalls_after ? stalling(std::move(*stream), *stalls_after) : std::move(*stream);
  auto owned = std::make_unique<tls_stream>(std::move(below), context, strand);
  auto& secured = *owned;
  *stream = transport(std::move(owned));
  const auto result = co_await secured.handshake();
  if (!result.ok()) co_return false;
  ++handshakes;
  if (secured.resumed()) ++resumptions;
  co_return true;
}

net::awaitable<void> server::implementation::serve(net::any_io_executor strand,
                                                   std::shared_ptr<transport> stream) {
  if (const bool ok = co_await secure(strand, stream); !ok) co_return;
  auto request = co_await read_request(*stream);
  if (!request) co_return;
  script run;
  gate ask;
  bool answers = true;
  compression_options within;
  {
    const std::lock_guard lock(mutex);
    run = session_script;
    ask = upgrade_gate;
    answers = !never;
    within = compression;
  }
  if (!answers) {  // holds the socket for as long as the client does
    while (const auto next = co_await read_request(*stream)) {
    }
    co_return;
  }
  const auto answer = ask ? ask(*request) : std::nullopt;
  if (answer && answer->status != 101) {
    std::string text = "HTTP/1.1 " + std::to_string(answer->status) + " Refused";
    for (const auto& [name, value] : answer->headers)
      text.append("\r\n").append(name).append(": ").append(value);
    text += "\r\nContent-Length: " + std::to_string(answer->body.size()) + "\r\nConnection: close\r\n\r\n" +
            answer->body;
    co_await write_all(*stream, text);
    co_return;
  }
  auto welcome =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      websocket_accept(request->header("Sec-WebSocket-Key"));
  const auto accepted_one = accept_offer(within, request->joined("Sec-WebSocket-Extensions"));
  if (accepted_one) welcome += "\r\nSec-WebSocket-Extensions: " + accepted_one->answer;
  if (answer) {
    for (const auto& [name, value] : answer->headers) {
      welcome.append("\r\n").append(name).append(": ").append(value);
    }
  }
  welcome += "\r\n\r\n" + (answer ? answer->body : std::string());
  if (const auto ec = co_await write_all(*stream, welcome)) co_return;
  auto first_bytes = std::exchange(request->body, {});
  const auto session = std::make_shared<server_session>(
      strand, std::move(*stream), std::move(*request), std::move(first_bytes),
      accepted_one ? std::optional(accepted_one->agreed) : std::nullopt);
  ++sessions;
  ++open;
  session->start();
  co_await run(*session);
  session->drop();
  --open;
}

}  // namespace holdfast::testing
