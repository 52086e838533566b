/// :network — the seam to the outside: names to addresses, addresses to byte streams. Knows nothing of
/// WebSockets. Streams are readiness-based (try, and wait only if it would block): a batch of messages then
/// costs one system call and one trip through the executor, and an idle connection holds no read buffer.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

export module holdfast.core:network;

import :error;

namespace holdfast {

namespace net = boost::asio;

/// The address and the port of a peer.
export struct peer_address {
  net::ip::address address;  ///< IPv4 or IPv6; a link-local one carries its scope
  std::uint16_t port = 0;    ///< in the byte order of the host
  bool operator==(const peer_address&) const = default;
};
/// Returns "192.0.2.1:443", "[2001:db8::1]:443".
export std::string to_string(const peer_address& value);

/// What a stream is waited for.
export enum class readiness : std::uint8_t {
  readable,  ///< a read would move bytes, or report the end or an error
  writable,  ///< a write would move bytes, or report an error
};

/// An open byte stream of the pluggable kind: what a user or a simulator implements. Used on one strand only.
export class byte_stream {
 public:
  /// What async_wait() completes: with success, or with the reason why no wait is possible.
  using ready_handler = net::any_completion_handler<void(error_code)>;

  virtual ~byte_stream() = default;
  /// Reads the bytes that have arrived, and never blocks. Returns the number of bytes moved; 0 with
  /// `would_block` if there are none now, with `eof` (read only) at the end of the stream.
  virtual std::size_t read_some(std::span<char> into, error_code& ec) = 0;
  /// Writes as much as fits, and never blocks. Returns the number of bytes taken, which may be fewer than
  /// given; 0 with `would_block` if none can be taken now.
  virtual std::size_t write_some(std::span<const char> from, error_code& ec) = 0;
  /// Completes when a read (write) would not block, an error being such a case. At most one wait of each
  /// kind.
  virtual void async_wait(readiness kind, ready_handler handler) = 0;
  /// Returns whether write_some may be called while another thread reads or waits, though not while one
  /// writes or closes. Then a message can leave from the thread that sends it.
  [[nodiscard]] virtual bool writes_from_any_thread() const noexcept { return false; }
  /// Returns whether bytes were taken that the layer below has not taken yet (a stream that encrypts). If
  /// so, wait for writable, and call write_some again, with an empty span if there is nothing more. Reading
  /// may bring this about as well.
  [[nodiscard]] virtual bool unsent() const noexcept { return false; }
  /// Returns whether the last read_some(), although it returned nothing, has taken bytes of the peer: a part
  /// of something that it can only return as a whole (a record of TLS). They are a sign of life.
  [[nodiscard]] virtual bool has_heard() const noexcept { return false; }
  /// Returns how many bytes this stream has taken that the peer's host has not confirmed yet, as TCP does;
  /// empty: not known. Grows and shrinks: while it is not zero, its progress is a sign of life.
  [[nodiscard]] virtual std::optional<std::size_t> unconfirmed_bytes() const noexcept { return std::nullopt; }
  /// Returns one line about the last error that a read or write returned, if more is known than its code;
  /// no secret.
  [[nodiscard]] virtual std::string error_detail() const { return {}; }
  /// What is known of a stream, for `session_info`.
  struct facts {
    std::optional<peer_address> local{};  ///< our own end; empty: not known
    std::string tls_version{};            ///< such as "TLSv1.3"; empty: not encrypted
    std::string cipher{};                 ///< such as "TLS_AES_256_GCM_SHA384"
    std::string peer_certificate{};       ///< PEM; empty: none was shown
  };
  /// Returns what is known of the stream. Called on the connection's strand, for connection::session() only,
  /// so it may take a system call.
  [[nodiscard]] virtual facts known() const { return {}; }
  /// Called when nothing has come for a while: memory that only saves time may be freed.
  virtual void release_memory() noexcept {}
  /// Ends both directions at once; waits complete with operation_aborted. Idempotent.
  virtual void close() noexcept = 0;
};

/// An open stream to a peer. TCP is kept static (a variant, no virtual call per read); anything else is a
/// byte_stream.
export class transport {
 public:
  /// The socket that is kept as it is.
  using tcp_socket = net::ip::tcp::socket;

  /// Takes over a connected socket, makes it non-blocking, and switches Nagle's algorithm off.
  explicit transport(tcp_socket connected);
  /// Takes over any other stream, which must not be null.
  explicit transport(std::unique_ptr<byte_stream> stream) : stream_(std::move(stream)) {}

  /// Reads as byte_stream::read_some() does. Never blocks.
  std::size_t read_some(std::span<char> into, error_code& ec);
  /// Writes as byte_stream::write_some() does. Never blocks.
  std::size_t write_some(std::span<const char> from, error_code& ec);
  /// Completes when a read (write) would not block; with operation_aborted after close(). At most one of each
  /// kind.
  template <net::completion_token_for<void(error_code)> Token>
  auto async_wait(readiness kind, Token&& token) {
    return net::async_initiate<Token, void(error_code)>(
        [](auto handler, transport* self, readiness wanted) { self->start_wait(wanted, std::move(handler)); },
        token, this, kind);
  }
  /// Returns what byte_stream::writes_from_any_thread() does; true for TCP.
  [[nodiscard]] bool writes_from_any_thread() const noexcept;
  /// Returns what byte_stream::unsent() does; false for TCP.
  [[nodiscard]] bool unsent() const noexcept {
    const auto* stream = std::get_if<std::unique_ptr<byte_stream>>(&stream_);
    return stream != nullptr && (*stream)->unsent();
  }
  /// Returns what byte_stream::has_heard() does; false for TCP.
  [[nodiscard]] bool has_heard() const noexcept {
    const auto* stream = std::get_if<std::unique_ptr<byte_stream>>(&stream_);
    return stream != nullptr && (*stream)->has_heard();
  }
  /// Returns whether a read that comes back short has taken all there was, so that to ask again would only
  /// cost a system call.
  [[nodiscard]] bool short_read_means_empty() const noexcept {
    return std::holds_alternative<tcp_socket>(stream_);
  }
  /// Returns what byte_stream::unconfirmed_bytes() does; for TCP only on Linux.
  [[nodiscard]] std::optional<std::size_t> unconfirmed_bytes() const noexcept;
  /// Does what byte_stream::release_memory() does; nothing for TCP.
  void release_memory() noexcept {
    if (const auto* stream = std::get_if<std::unique_ptr<byte_stream>>(&stream_)) (*stream)->release_memory();
  }
  /// Returns what byte_stream::error_detail() does; empty for TCP.
  [[nodiscard]] std::string error_detail() const;
  /// Returns what byte_stream::known() does; for TCP, our own address.
  [[nodiscard]] byte_stream::facts known() const;
  /// Ends both directions at once; waits complete with operation_aborted. Idempotent.
  void close() noexcept;

  /// Reads the bytes that have arrived, or else waits for some: one system call less than to wait and then
  /// to read. void(error_code, std::size_t); would_block means: now there is something, ask read_some.
  template <net::completion_token_for<void(error_code, std::size_t)> Token>
  auto async_read_some(std::span<char> into, Token&& token) {
    return net::async_initiate<Token, void(error_code, std::size_t)>(
        [](auto handler, transport* self, std::span<char> bytes) {
          self->start_read(bytes, std::move(handler));
        },
        token, this, into);
  }

 private:
  template <class Handler>
  void start_read(std::span<char> into, Handler handler) {
    if (auto* socket = std::get_if<tcp_socket>(&stream_)) {
      return socket->async_read_some(net::buffer(into.data(), into.size()), std::move(handler));
    }
    // Any other stream is read by whoever called, on its strand: `handler` may run elsewhere.
    const auto executor = net::get_associated_executor(handler);
    start_wait(readiness::readable,
               net::bind_executor(executor, [handler = std::move(handler)](error_code ec) mutable {
                 std::move(handler)(ec ? ec : error_code(net::error::would_block), std::size_t{0});
               }));
  }
  template <class Handler>
  void start_wait(readiness kind, Handler handler) {
    if (auto* socket = std::get_if<tcp_socket>(&stream_)) {
      socket->async_wait(kind == readiness::readable ? tcp_socket::wait_read : tcp_socket::wait_write,
                         std::move(handler));
    } else {
      std::get<std::unique_ptr<byte_stream>>(stream_)->async_wait(kind, std::move(handler));
    }
  }

  std::variant<tcp_socket, std::unique_ptr<byte_stream>> stream_;
};

/// Returns whether `ec` is no error, but says that there is nothing to read, or no room to write, just now.
export inline bool would_block(error_code ec) noexcept {
  return ec == net::error::would_block || ec == net::error::try_again;
}

/// Writes all of `bytes`, waiting where the stream would block, until nothing is unsent. They must live until
/// it is done.
export net::awaitable<error_code> write_all(transport& to, std::string_view bytes);

/// Where addresses and streams come from. `real_network()` unless the options say otherwise.
/// Both coroutines run on the strand of the actor, may be cancelled, and may be abandoned: at its deadline
/// the actor goes on without them, and drops what they return later.
export class network {
 public:
  virtual ~network() = default;
  /// Returns the addresses of `host`, each with `port`, in the order in which they are to be preferred.
  /// `host` is a name or an address without brackets. Fails with host_not_found if there is none.
  virtual net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) = 0;
  /// Returns an open stream to `peer`, or the error for which there is none.
  virtual net::awaitable<result<transport>> connect(peer_address peer) = 0;
};

/// Returns TCP over Asio; names are looked up by `lookup_pool::of_process()`. Shared by all connections;
/// has no state of its own.
export std::shared_ptr<network> real_network();

/// How far a `lookup_pool` goes for names whose look-up hangs.
export struct lookup_bounds {
  std::chrono::milliseconds shared_for{2'000};  ///< an asker joins a look-up that began less than this ago
  std::size_t per_name = 4;   ///< look-ups of one name at a time; then the youngest is joined
  std::size_t threads = 256;  ///< look-ups at a time; further ones wait. Beyond half of them no name has two
};

/// Looks names up on threads of its own, because the system's resolver blocks and cannot be cancelled: a
/// look-up that hangs delays neither the look-ups of other names, nor an executor, nor the end of an
/// execution context or of the process. Keeps no answers. A thread ends when there is nothing to look up.
export class lookup_pool {
 public:
  /// The addresses of one name, or the error for which there are none.
  using answer = result<std::vector<net::ip::address>>;
  /// Looks one name up, and blocks meanwhile.
  using function = std::function<answer(const std::string& host)>;

  /// Calls `look_up` on several threads at a time; it may block. It may still be under way when the pool is
  /// gone. An exception counts as error `no_recovery`, unless it is a system_error.
  explicit lookup_pool(function look_up, lookup_bounds bounds = {});
  lookup_pool(const lookup_pool&) = delete;
  lookup_pool& operator=(const lookup_pool&) = delete;
  /// Waits for no look-up. Those under way still answer their askers.
  ~lookup_pool();

  /// Returns the pool that calls getaddrinfo, for all connections. It is never destroyed.
  static lookup_pool& of_process();

  /// Returns the addresses of `host`, in the order of the resolver. An address literal needs no look-up; a
  /// zone ("fe80::1%eth0", RFC 4007 section 11) that names no interface of this machine is ENODEV. Must run
  /// on a strand, or where only one thread runs. Returns operation_aborted as soon as it is cancelled; may be
  /// abandoned, also by the end of its context.
  net::awaitable<answer> resolve(std::string host);

 private:
  class implementation;
  std::shared_ptr<implementation> implementation_;  // shared with its threads and with those who wait
};

}  // namespace holdfast
