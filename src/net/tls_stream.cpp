// TLS over a stream: reads ahead, writes in batches, and keeps the bytes that the stream below does not take.
// An error is kept as well, and every later call returns it. One mutex lets a message be encrypted and
// written on the thread that sends it, while the strand reads: two turns of the strand less for each message.
module;
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :tls_engine;

namespace holdfast {
namespace {

constexpr std::size_t record_bytes = 16 * 1024;  // RFC 8446 section 5.1
constexpr std::size_t batch_bytes = 64 * 1024;   // of cipher text, before it is written

using read_ahead = std::array<char, 64 * 1024>;

// A stream holds this memory only while it has bytes in it, so one per thread mostly serves all streams.
thread_local std::unique_ptr<read_ahead> spare_read_ahead;

}  // namespace

struct tls_stream::implementation {
  implementation(transport stream, std::shared_ptr<tls_context> context, net::any_io_executor on,
                 std::string host, std::uint16_t port, std::string server_name)
      : below(std::move(stream)),
        engine(std::move(context), std::move(host), port, std::move(server_name)),
        executor(std::move(on)) {}

  // All of these are called under the lock, or in the handshake, when nothing else uses the stream.
  bool fill();
  error_code flush();
  std::optional<readiness> shake_hands(tls_result& outcome);
  std::size_t encrypt(std::span<const char> from, error_code& ec);
  error_code write_error_of(error_code ec);
  void end_of_read();
  void end_of_call();
  void complete(ready_handler handler, error_code ec);
  [[nodiscard]] bool has_unsent() const noexcept { return !engine.output().empty() || below.unsent(); }
  // If the server ends the session because we declined a renegotiation, that is the reason, rather than `ec`.
  [[nodiscard]] error_code end_of_stream(error_code ec) const {
    return engine.renegotiation_is_declined() ? make_error_code(error::renegotiation_refused) : ec;
  }
  void fail(error_code why) {
    if (!read_error) read_error = why;
    if (!write_error) write_error = why;
  }

  mutable std::mutex mutex;
  transport below;
  tls_engine engine;
  const net::any_io_executor executor;
  std::unique_ptr<read_ahead> ahead;  // bytes that the engine was fed and has not used up
  bool below_is_dry = false;          // as far as is known in this call
  bool has_heard = false;             // the last read took bytes, but had none to return
  error_code below_error;             // of reads from below
  error_code read_error;
  error_code write_error;
  bool write_wants_read = false;  // the peer is in the middle of a handshake message
  ready_handler write_waiter;     // waits for the end of that message
  bool closed = false;
};

tls_stream::tls_stream(transport below, std::shared_ptr<tls_context> context, net::any_io_executor executor,
                       std::string host, std::uint16_t port, std::string server_name)
    : implementation_(std::make_unique<implementation>(std::move(below), std::move(context),
                                                       std::move(executor), std::move(host), port,
                                                       std::move(server_name))) {}

tls_stream::~tls_stream() { close(); }

// Feeds the engine, which has used up its input. Returns false if nothing has arrived, or nothing more will
// (below_error).
bool tls_stream::implementation::fill() {
  if (below_is_dry || below_error) return false;
  if (!ahead) ahead = std::exchange(spare_read_ahead, nullptr);
  if (!ahead) ahead = std::make_unique_for_overwrite<read_ahead>();
  error_code ec;
  const auto count = below.read_some(*ahead, ec);
  engine.feed({ahead->data(), count});
  below_is_dry = count == 0 || (count < ahead->size() && below.short_read_means_empty());
  if (count == 0 && ec && !would_block(ec))
    below_error = ec == net::error::eof ? make_error_code(error::connection_lost) : ec;
  return count != 0;
}

// Writes the engine's output. Returns would_block if some of it is left.
error_code tls_stream::implementation::flush() {
  error_code ec;
  while (!engine.output().empty() && !ec) {
    const auto bytes = engine.output();
    engine.consume_output(below.write_some({bytes.data(), bytes.size()}, ec));
  }
  if (!ec && below.unsent()) below.write_some({}, ec);
  return ec;
}

// A peer that refuses us sends the reason and hangs up. If our write fails first, the reason is still unread.
error_code tls_stream::implementation::write_error_of(error_code ec) {
  auto progress = engine.peek();
  while (progress == tls_progress::wants_bytes && fill()) progress = engine.peek();
  if (progress != tls_progress::failed) return end_of_stream(ec);
  fail(engine.why().error);
  return engine.why().error;
}

// Takes about as much as one batch holds.
std::size_t tls_stream::implementation::encrypt(std::span<const char> from, error_code& ec) {
  if (from.size() > record_bytes) engine.reserve_output(batch_bytes + record_bytes);
  std::size_t total = 0;
  while (total < from.size() && engine.output().size() < batch_bytes) {
    std::size_t count = 0;
    const auto progress =
        engine.write(from.subspan(total, std::min(from.size() - total, record_bytes)), count);
    total += count;
    if (progress == tls_progress::done) continue;
    write_wants_read = progress == tls_progress::wants_bytes && !below_error;  // only the reader reads
    ec = write_wants_read                        ? error_code(net::error::would_block)
         : progress == tls_progress::wants_bytes ? below_error
         : progress == tls_progress::failed      ? engine.why().error
                                                 : make_error_code(error::connection_lost);
    break;
  }
  return total;
}

// The bytes read may require an answer (RFC 8446 section 4.6.3), and a writer may be waiting for them.
void tls_stream::implementation::end_of_read() {
  if (!write_error) {
    const auto ec = flush();
    if (ec && !would_block(ec)) write_error = ec;
  }
  if (std::exchange(write_wants_read, false) && write_waiter) complete(std::exchange(write_waiter, {}), {});
  end_of_call();
}

void tls_stream::implementation::end_of_call() {
  below_is_dry = false;
  if (ahead && engine.input_bytes() == 0) {
    auto unused = std::exchange(ahead, nullptr);
    if (!spare_read_ahead) spare_read_ahead = std::move(unused);
  }
}

void tls_stream::implementation::complete(ready_handler handler, error_code ec) {
  net::post(executor, [executor = executor, ec, handler = std::move(handler)]() mutable {
    const auto own = net::get_associated_executor(handler, executor);
    net::dispatch(own, net::append(std::move(handler), ec));
  });
}

// Goes as far as it can now. Returns what to wait for, or nothing if the handshake is over, with its
// `outcome`.
std::optional<readiness> tls_stream::implementation::shake_hands(tls_result& outcome) {
  for (;;) {
    auto progress = engine.handshake();
    const auto ec = flush();
    if (progress != tls_progress::failed && would_block(ec)) return readiness::writable;
    // We can write no more, but the peer may still answer what we have written.
    while (ec && progress == tls_progress::wants_bytes && fill()) progress = engine.handshake();
    if (progress == tls_progress::failed) {
      outcome = engine.why();
    } else if (ec) {
      outcome.error = write_error_of(ec);  // we may be done, with our last bytes unsent
    } else if (progress == tls_progress::finished) {
      outcome.error = error::connection_lost;
    } else if (progress == tls_progress::wants_bytes) {
      if (fill()) continue;
      if (!below_error) return readiness::readable;
      outcome.error = below_error;
    }
    return std::nullopt;
  }
}

net::awaitable<tls_result> tls_stream::handshake() {
  auto& self = *implementation_;
  for (tls_result outcome;;) {
    const auto wanted = self.shake_hands(outcome);
    self.end_of_call();
    if (wanted) {
      const auto [ec] = co_await self.below.async_wait(*wanted, net::as_tuple(net::use_awaitable));
      if (!ec) continue;
      outcome.error = ec;
    }
    if (outcome.ok()) co_return outcome;
    self.fail(outcome.error);
    if (outcome.detail.empty()) outcome.detail = error_detail();
    co_return outcome;
  }
}

// The engine is not asked before bytes are there: to hear from it that there are none costs a thousand
// instructions.
std::size_t tls_stream::read_some(std::span<char> into, error_code& ec) {
  auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  std::size_t total = 0;
  bool filled = false;
  while (total < into.size() && !self.read_error) {
    std::size_t count = 0;
    const auto progress =
        self.engine.has_input() ? self.engine.read(into.subspan(total), count) : tls_progress::wants_bytes;
    total += count;
    if (progress == tls_progress::failed) {
      self.flush();  // sends our alert
      self.fail(self.engine.why().error);
    }
    if (progress == tls_progress::finished) self.read_error = self.end_of_stream(net::error::eof);
    if (progress != tls_progress::wants_bytes) continue;
    if (self.fill()) {
      filled = true;
      continue;
    }
    if (!self.below_error) break;
    self.read_error = self.end_of_stream(self.below_error);
  }
  self.has_heard = total == 0 && (filled || self.below.has_heard());
  self.end_of_read();
  ec = {};
  if (total == 0 && !into.empty())
    ec = self.read_error ? self.read_error : error_code(net::error::would_block);
  return total;
}

std::size_t tls_stream::write_some(std::span<const char> from, error_code& ec) {
  auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  ec = self.write_error;
  if (!ec) ec = self.flush();  // first the rest of earlier calls: the output does not grow until that is gone
  std::size_t total = 0;
  while (total < from.size() && !ec) {
    total += self.encrypt(from.subspan(total), ec);
    if (!ec || would_block(ec)) {
      const auto flushed = self.flush();
      if (flushed) ec = flushed;
    }
  }
  if (ec && !would_block(ec) && !self.write_error) self.write_error = self.write_error_of(ec);
  self.end_of_call();
  if (ec && !would_block(ec)) ec = self.write_error;
  if (total != 0) ec = {};  // the next call returns the error
  return total;
}

void tls_stream::async_wait(readiness kind, ready_handler handler) {
  auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  if (self.closed) return self.complete(std::move(handler), net::error::operation_aborted);
  if (kind == readiness::readable) {
    if (self.read_error || self.engine.has_input()) return self.complete(std::move(handler), {});
  } else {
    if (self.write_error) return self.complete(std::move(handler), {});
    if (!self.has_unsent() && self.write_wants_read) {
      self.write_waiter = std::move(handler);
      return;
    }
    if (!self.has_unsent()) return self.complete(std::move(handler), {});
  }
  self.below.async_wait(kind, std::move(handler));
}

bool tls_stream::writes_from_any_thread() const noexcept {
  return implementation_->below.writes_from_any_thread();
}

// Asked by the reader only, which is the one to change it.
bool tls_stream::has_heard() const noexcept { return implementation_->has_heard; }

bool tls_stream::unsent() const noexcept {
  const auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  return self.has_unsent();
}

void tls_stream::release_memory() noexcept {
  auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  self.engine.release_memory();
  self.below.release_memory();
}

// After a declined renegotiation this has a text even without an error, for a caller that gives up on the
// server.
std::string tls_stream::error_detail() const {
  const auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  if (!self.engine.why().ok()) return self.engine.why().detail;
  if (self.engine.renegotiation_is_declined()) return std::string(renegotiation_text);
  return self.below.error_detail();
}

// Includes encrypted bytes that the stream below has not taken yet.
std::optional<std::size_t> tls_stream::unconfirmed_bytes() const noexcept {
  const auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  const auto below = self.below.unconfirmed_bytes();
  if (!below) return std::nullopt;
  return *below + self.engine.output().size();
}

void tls_stream::close() noexcept {
  auto& self = *implementation_;
  const std::lock_guard lock(self.mutex);
  if (std::exchange(self.closed, true)) return;
  self.engine.shut_down();
  if (!self.write_error) self.flush();
  self.below.close();
  self.fail(net::error::bad_descriptor);
  if (self.write_waiter) self.complete(std::exchange(self.write_waiter, {}), net::error::operation_aborted);
}

bool tls_stream::resumed() const { return implementation_->engine.resumed(); }

byte_stream::facts tls_stream::known() const {
  const std::lock_guard lock(implementation_->mutex);
  auto out = implementation_->below.known();
  implementation_->engine.add_to(out);
  return out;
}

std::string tls_stream::describe() const { return implementation_->engine.describe(); }

}  // namespace holdfast
