// :tls_engine — one TLS session without I/O, over OpenSSL: cipher text in, plain text out, and back. Knows no
// stream, no clock and no coroutine; calls OpenSSL such that no code of ours but a copy runs below it.
module;
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

module holdfast.core:tls_engine;

import :error;
import :network;
import :tls;
import :tls_material;

namespace holdfast {

// Sessions that can be resumed, the latest of each server ("host:port"); few, because an actor has few
// servers.
class tls_sessions {
 public:
  // A ticket of TLS 1.3 is given out once (RFC 8446 appendix C.4), so that nobody who listens can link two
  // uses.
  openssl_ptr<SSL_SESSION> take(std::string_view server);
  void put(std::string_view server, openssl_ptr<SSL_SESSION> session);

 private:
  struct entry {
    std::string server;
    openssl_ptr<SSL_SESSION> session;
  };
  std::vector<entry> entries_;  // the latest is the last
};

struct tls_context::implementation {
  std::shared_ptr<const tls_material> made;
  std::shared_ptr<void> lent{};  // the user's context: its callbacks live as long as it does
  bool is_server = false;
  tls_verify verify = tls_verify::peer;
  std::string server_name{};
  bool resume_sessions = true;
  tls_sessions sessions{};
};

// Whether the server has asked for another handshake in a session of TLS 1.2 (RFC 5246 section 7.4.1.1). We
// always decline; some servers go on, others end the session.
enum class renegotiation : std::uint8_t {
  never_wanted,
  declined,  // and nothing has come since
  survived,  // the server has gone on
};
inline constexpr std::string_view renegotiation_text =
    "the server requested TLS 1.2 renegotiation (for a client certificate?), which is not supported: let the "
    "server use TLS 1.3 with post-handshake authentication";

// What has happened in a session before it failed.
struct tls_history {
  bool is_server = false;
  bool asked = false;  // the server wants a client certificate
  renegotiation anew = renegotiation::never_wanted;
};

// What failed, as an error of ours. `result` is the verdict on the peer's certificate (X509_V_…).
error certificate_error(long result) noexcept;
// `alert` is what the server sent us (RFC 8446 section 6.2).
error alert_error(int alert, const tls_history& before) noexcept;
// What OpenSSL has in its queue of errors on this thread, in one line.
tls_result openssl_failure(const SSL* ssl, const tls_history& before, std::string_view host);

enum class tls_progress : std::uint8_t {
  done,
  wants_bytes,  // feed() more, and ask again
  finished,     // the peer has said that it ends
  failed,       // see why()
};

class tls_engine {
 public:
  // `server_name`, if it is not empty, wins over that of the options, which wins over `host`.
  tls_engine(std::shared_ptr<tls_context> context, std::string host, std::uint16_t port,
             std::string server_name);
  ~tls_engine();
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;

  tls_progress handshake();
  // One record at most. All of `from` is taken, or nothing.
  tls_progress read(std::span<char> into, std::size_t& count);
  tls_progress write(std::span<const char> from, std::size_t& count);
  // Is there something to read, or an error? Takes nothing.
  tls_progress peek();
  // Says that we end, and keeps the session for the next time.
  void shut_down();

  // Cipher text from the peer, when what was fed before is used up. It must live as long.
  void feed(std::span<const char> bytes) noexcept { input_ = bytes; }
  [[nodiscard]] std::size_t input_bytes() const noexcept { return input_.size(); }
  // A read would give something, the end and an error included.
  [[nodiscard]] bool has_input() const noexcept;
  // Cipher text for the peer.
  [[nodiscard]] std::string_view output() const noexcept { return std::string_view(output_).substr(sent_); }
  void consume_output(std::size_t count) noexcept;
  // Room for what will be written next.
  void reserve_output(std::size_t count);
  // Frees the buffers of OpenSSL until they are needed again.
  void release_memory() noexcept;

  [[nodiscard]] const tls_result& why() const noexcept { return why_; }
  // The server has wanted another handshake, and nothing else since: if it ends, this is why.
  [[nodiscard]] bool renegotiation_is_declined() const noexcept {
    return history_.anew == renegotiation::declined;
  }
  [[nodiscard]] bool resumed() const;
  [[nodiscard]] std::string describe() const;
  // What was agreed, and the peer's certificate.
  void add_to(byte_stream::facts& out) const;

 private:
  friend struct tls_engine_callbacks;
  void prepare_client();
  bool prepare_name();
  tls_progress progress_of(int returned);
  void keep_session();
  void answer_new_keys();

  const std::shared_ptr<tls_context> context_;
  tls_context::implementation& shared_;
  const std::string host_;    // verified
  const std::string server_;  // whose session it is
  openssl_ptr<SSL> ssl_;
  openssl_ptr<SSL_SESSION> offered_;
  std::span<const char> input_;
  std::string output_;
  std::size_t sent_ = 0;  // of output_
  tls_history history_;
  bool failed_ = false;
  tls_result why_;
};

}  // namespace holdfast
