/// :tls — wss://: what may be trusted, and a TLS session over any other stream. TLS is OpenSSL's; what is
/// ours is when it reads and writes, and which of our errors its failures are. Knows no URL and no
/// WebSocket.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

export module holdfast.core:tls;

import :error;
import :network;

// Boost's. Only who supplies one needs its header.
extern "C++" {
namespace boost::asio::ssl {
class context;
}
}

namespace holdfast {

/// Whether the server has to prove who it is.
export enum class tls_verify : std::uint8_t {
  peer,  ///< its certificate must be valid, be issued by someone we trust, and be for the name we asked for
  /// DANGER: anybody between us and the server can pretend to be the server, read everything, change
  /// everything, and take the credentials. For experiments on one's own machine, never for production; to
  /// trust a certificate of one's own, name it in `ca_file` or `ca_pem` instead.
  none,
};

/// How a client speaks TLS: version 1.2 or newer, the server verified by its subjectAltName, revocation not
/// checked. A certificate of ours is shown when the server asks for it, in the handshake or later (TLS 1.3);
/// to negotiate TLS 1.2 anew is refused. All of it holds for every server that the connection comes to.
///
/// Files are PEM. They are read when the connection is made if one of its URLs is wss://, else when a
/// redirect or a provider first leads to one, and again before an attempt if they have changed. If the new
/// ones cannot be used, a warning says so once, what was read before stays in use, and the next attempt tries
/// again. What is no regular file (a pipe) is read once. Connections whose options name the same files, or
/// the system's store, share what was read: 0.8 MiB and 25 ms of processor time, if the store is one file.
export struct tls_options {
  tls_verify verify = tls_verify::peer;  ///< whether the server has to prove who it is
  std::string ca_file{};  ///< who may issue server certificates; this and the next empty: the system's store
  std::string ca_directory{};      ///< the same, as a directory of hashed names (`openssl rehash`)
  std::string ca_pem{};            ///< the same, in memory, in place of both
  std::string certificate_file{};  ///< our own certificate, if the server wants one; then its chain
  std::string key_file{};          ///< its key, not encrypted; empty: it is in certificate_file
  std::string server_name{};       ///< sent to the server (SNI) and verified; empty: the host of the URL
  /// Takes the place of the files above: trust, own certificate, versions, ciphers and callbacks are those of
  /// this context, which is not changed, and may be shared by any number of connections and threads. Its
  /// callbacks must not call a connection. `verify`, `server_name` and `resume_sessions` go on to count.
  std::shared_ptr<net::ssl::context> context{};
  /// A reconnect resumes the last session with that server (RFC 8446 section 2.2): no certificates are sent
  /// and verified, and TLS 1.2 saves a round trip. Sessions are kept in memory, by the connection.
  bool resume_sessions = true;
};

/// For `tls_server_options::newest`.
export enum class tls_version : std::uint8_t {
  tls_1_2,  ///< RFC 5246
  tls_1_3,  ///< RFC 8446
};

/// How a server speaks TLS. For tests: holdfast is a client.
export struct tls_server_options {
  std::string certificate_pem{};  ///< the server's certificate, then its chain
  std::string key_pem{};          ///< its key, not encrypted
  /// Asks clients for a certificate that one of these has issued; empty: asks for none.
  std::string client_ca_pem{};
  bool client_certificate_required = true;       ///< if it is asked for
  tls_version newest = tls_version::tls_1_3;     ///< the newest version that is spoken; the oldest is 1.2
  std::shared_ptr<net::ssl::context> context{};  ///< in place of all above
};

class tls_engine;
class tls_source;

/// What streams have in common: trust, own certificate, and the sessions that can be resumed. Not
/// thread-safe: streams of one context belong to one strand.
export class tls_context {
 public:
  /// Makes the context of a client. Throws option_error, with the name of the field ("tls.ca_file"), if a
  /// file cannot be read or used.
  explicit tls_context(const tls_options& given);
  /// Makes the context of a server; throws likewise ("tls_server.key_pem").
  explicit tls_context(const tls_server_options& given);
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

 private:
  friend class tls_engine;
  friend class tls_source;
  struct implementation;
  std::unique_ptr<implementation> implementation_;
};

/// How a handshake ended.
export struct tls_result {
  error_code error{};    ///< empty: the handshake succeeded
  std::string detail{};  ///< one line: what exactly was wrong, as far as is known
  /// Returns whether the handshake succeeded.
  [[nodiscard]] bool ok() const noexcept { return !error; }
};

/// TLS over another stream. handshake() first, then it carries bytes as any byte_stream does. When the other
/// side says that it ends (RFC 8446 section 6.1), a read gives `eof`; when it ends
/// without saying so, `connection_lost`; if all that it wanted since was to negotiate TLS 1.2 anew,
/// `renegotiation_refused`. A record that is wrong, or an alert, gives `tls_failed` or
/// `client_certificate_refused`, for good.
export class tls_stream final : public byte_stream {
 public:
  /// Makes a client or a server, as the context is. `host` (a name, or an IP literal without brackets) is
  /// what a client sends (SNI) and verifies, unless the options name another; `server_name`, if it is not
  /// empty, takes the place of both. With `port` this says whose session may be resumed. `executor` is
  /// where the stream is used; waits without an executor of their own complete there.
  tls_stream(transport below, std::shared_ptr<tls_context> context, net::any_io_executor executor,
             std::string host = {}, std::uint16_t port = 0, std::string server_name = {});
  ~tls_stream() override;
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;

  /// Shakes hands; to be called once. Fails with a certificate_… error, client_certificate_refused,
  /// tls_failed, connection_lost, or an error of the stream below. Has no deadline: close() ends it, with
  /// operation_aborted. The stream must outlive it. A server of TLS 1.3 refuses our certificate later: a
  /// read or a write fails with client_certificate_refused then, and error_detail() has the server's alert.
  net::awaitable<tls_result> handshake();

  /// Reads plain text, as byte_stream::read_some() does; fails as said above, and again with every later
  /// call.
  std::size_t read_some(std::span<char> into, error_code& ec) override;
  /// Takes plain text, as byte_stream::write_some() does: in batches of about 64 KiB of cipher text.
  std::size_t write_some(std::span<const char> from, error_code& ec) override;
  /// Completes when a read (write) of plain text may go on. It can still find `would_block`: a record is not
  /// complete before all of it has come.
  void async_wait(readiness kind, ready_handler handler) override;
  /// Returns what the stream below does: a write is guarded from a read on another thread.
  [[nodiscard]] bool writes_from_any_thread() const noexcept override;
  /// Returns whether the stream below has not taken all cipher text yet.
  [[nodiscard]] bool unsent() const noexcept override;
  /// Returns whether the last read_some() got a part of a record, and nothing whole.
  [[nodiscard]] bool has_heard() const noexcept override;
  /// Returns how many bytes of cipher text the peer's host has not confirmed; empty: the stream below does
  /// not know.
  [[nodiscard]] std::optional<std::size_t> unconfirmed_bytes() const noexcept override;
  /// Returns the peer's alert, or what was wrong with what it sent; else what the stream below returns.
  [[nodiscard]] std::string error_detail() const override;
  /// Returns what was agreed, and the certificate of the other side; our own address from the stream below.
  [[nodiscard]] facts known() const override;
  /// Frees the buffers of OpenSSL, about 33 KiB; the next byte in either direction needs them again.
  void release_memory() noexcept override;
  /// Says goodbye (close_notify) if that is possible at once, and closes the stream below.
  void close() noexcept override;

  /// Returns, after the handshake, whether it continued an earlier session.
  [[nodiscard]] bool resumed() const;
  /// Returns, after the handshake, what was agreed: "TLSv1.3 TLS_AES_256_GCM_SHA384".
  [[nodiscard]] std::string describe() const;

 private:
  struct implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace holdfast
