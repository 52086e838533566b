// The TLS session: OpenSSL between two buffers of ours, connected by a BIO that never blocks.
module;
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core;

import :tls_engine;
import :url_text;

namespace holdfast {

// Called by OpenSSL. An exception must not pass through its frames.
struct tls_engine_callbacks {
  static int read(BIO* bio, char* into, std::size_t size, std::size_t* count) {
    auto& self = *static_cast<tls_engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *count = std::min(size, self.input_.size());
    if (*count == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(into, self.input_.data(), *count);
    self.input_ = self.input_.subspan(*count);
    return 1;
  }

  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* count) try {
    BIO_clear_retry_flags(bio);
    static_cast<tls_engine*>(BIO_get_data(bio))->output_.append(from, size);
    *count = size;
    return 1;
  } catch (const std::exception&) {
    return 0;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  // Records that the server asks for a certificate or for another handshake, because OpenSSL reports neither
  // once the handshake has failed. The context's own callback, which this one hides, is called as well.
  static void information(const SSL* ssl, int where, int value) {
    auto* const self = static_cast<tls_engine*>(SSL_get_ex_data(ssl, index()));
    const auto state = SSL_get_state(ssl);
    if (self != nullptr && state == TLS_ST_CR_CERT_REQ) self->history_.asked = true;
    if (self != nullptr && state == TLS_ST_CR_HELLO_REQ) self->history_.anew = renegotiation::declined;
    if (auto* const outer = SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl))) outer(ssl, where, value);
  }

  static int index() {
    static const int value = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return value;
  }

  static const BIO_METHOD* method() {
    static const auto made = [] {
      openssl_ptr<BIO_METHOD> method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "holdfast"));
      if (!method) throw std::bad_alloc();
      BIO_meth_set_read_ex(method.get(), read);
      BIO_meth_set_write_ex(method.get(), write);
      BIO_meth_set_ctrl(method.get(), control);
      BIO_meth_set_create(method.get(), create);
      return method;
    }();
    return made.get();
  }
};

namespace {

// OpenSSL takes what others have left in the queue of this thread for an error of its own. To look is cheaper
// than to clear.
void clear_errors_of_others() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

constexpr std::size_t keep_bytes = 4096;  // of output memory, in an idle session

// A full name in DNS may have a dot at its end; certificates do not have it.
std::string without_final_dot(std::string host) {
  if (host.ends_with('.')) host.pop_back();
  return host;
}

// Returns the first that is not empty: the attempt's, the options', or the URL's; an international one in its
// ASCII form, as that of a URL is already. One that has none fails when it is compared with the certificate.
std::string choose_name(std::string of_the_attempt, const std::string& of_the_options, std::string host) {
  const auto& given = of_the_attempt.empty() ? of_the_options : of_the_attempt;
  if (given.empty()) return host;
  auto name = to_ascii_host(given);
  if (!name.problem.empty()) return given;
  return std::move(name.ascii);
}

}  // namespace

tls_engine::tls_engine(std::shared_ptr<tls_context> context, std::string host, std::uint16_t port,
                       std::string server_name)
    : context_(std::move(context)),
      shared_(*context_->implementation_),
      host_(without_final_dot(choose_name(std::move(server_name), shared_.server_name, std::move(host)))),
      server_(host_ + ':' + std::to_string(port)),
      ssl_(SSL_new(shared_.made->handle.get())) {
  openssl_ptr<BIO> bio(BIO_new(tls_engine_callbacks::method()));
  if (!ssl_ || !bio) throw std::bad_alloc();
  BIO_set_data(bio.get(), this);
  SSL_set_bio(ssl_.get(), bio.get(), bio.get());  // takes ownership
  static_cast<void>(bio.release());
  SSL_set_ex_data(ssl_.get(), tls_engine_callbacks::index(), this);
  SSL_set_options(ssl_.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // Without SSL_MODE_RELEASE_BUFFERS, which would allocate and free them for each record: see
  // release_memory().
  SSL_clear_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_set_mode(ssl_.get(), SSL_MODE_AUTO_RETRY | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  history_.is_server = shared_.is_server;
  if (shared_.is_server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    prepare_client();
  }
}

tls_engine::~tls_engine() {
  // Otherwise OpenSSL marks a session that was not shut down as not resumable, and with it the ticket that we
  // keep.
  if (!failed_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void tls_engine::prepare_client() {
  SSL_set_connect_state(ssl_.get());
  SSL_set_verify(ssl_.get(), shared_.verify == tls_verify::peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                 SSL_get_verify_callback(ssl_.get()));
  SSL_set_info_callback(ssl_.get(), tls_engine_callbacks::information);
  SSL_set_post_handshake_auth(ssl_.get(), 1);  // RFC 8446 section 4.2.6: a certificate request may come later
  constexpr std::array<unsigned char, 9> protocols{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_set_alpn_protos(ssl_.get(), protocols.data(), protocols.size());  // RFC 7301
  if (!prepare_name()) {
    failed_ = true;
    why_ = {error::tls_failed, "the host is not a name that TLS can verify"};
  }
  if (!shared_.resume_sessions) return;
  offered_ = shared_.sessions.take(server_);
  if (offered_) SSL_set_session(ssl_.get(), offered_.get());
}

// Sets the name to verify (RFC 9525), and the one that the server gets (SNI, RFC 6066 section 3: names only).
bool tls_engine::prepare_name() {
  error_code not_literal;
  auto address = net::ip::make_address(host_, not_literal);
  if (!not_literal) {
    if (address.is_v6()) {  // without its zone, which has a meaning on this machine only
      auto v6 = address.to_v6();
      v6.scope_id(0);
      address = v6;
    }
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), address.to_string().c_str()) == 1;
  }
  if (host_.empty() || host_.find('\0') != std::string::npos) return false;
  // A name that stands only in the subject does not count (RFC 9525 section 2).
  SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set1_host(ssl_.get(), host_.c_str()) == 1 &&
         SSL_set_tlsext_host_name(ssl_.get(), host_.c_str()) == 1;
}

tls_progress tls_engine::progress_of(int returned) {
  if (returned == 1) return tls_progress::done;
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return tls_progress::wants_bytes;
    case SSL_ERROR_ZERO_RETURN:
      return tls_progress::finished;
    default:
      failed_ = true;
      why_ = openssl_failure(ssl_.get(), history_, host_);
      return tls_progress::failed;
  }
}

tls_progress tls_engine::handshake() {
  if (failed_) return tls_progress::failed;
  clear_errors_of_others();
  return progress_of(SSL_do_handshake(ssl_.get()));
}

tls_progress tls_engine::read(std::span<char> into, std::size_t& count) {
  count = 0;
  if (failed_) return tls_progress::failed;
  clear_errors_of_others();
  const auto progress = progress_of(SSL_read_ex(ssl_.get(), into.data(), into.size(), &count));
  if (count != 0 && renegotiation_is_declined()) history_.anew = renegotiation::survived;
  if (progress == tls_progress::done || progress == tls_progress::wants_bytes) answer_new_keys();
  return progress;
}

// OpenSSL would delay its own new keys (RFC 8446 section 4.6.3) until something is written, which may never
// happen.
void tls_engine::answer_new_keys() {
  const auto wanted = SSL_get_key_update_type(ssl_.get());
  if (wanted == SSL_KEY_UPDATE_NONE || !SSL_is_init_finished(ssl_.get())) return;
  if (SSL_key_update(ssl_.get(), wanted) == 1) SSL_do_handshake(ssl_.get());
}

tls_progress tls_engine::write(std::span<const char> from, std::size_t& count) {
  count = 0;
  if (failed_) return tls_progress::failed;
  clear_errors_of_others();
  return progress_of(SSL_write_ex(ssl_.get(), from.data(), from.size(), &count));
}

tls_progress tls_engine::peek() {
  if (failed_) return tls_progress::failed;
  char ignored = 0;
  std::size_t count = 0;
  clear_errors_of_others();
  return progress_of(SSL_peek_ex(ssl_.get(), &ignored, 1, &count));
}

void tls_engine::shut_down() {
  if (failed_ || !SSL_is_init_finished(ssl_.get())) return;
  keep_session();
  clear_errors_of_others();
  SSL_shutdown(ssl_.get());  // one way: we do not wait for the answer
}

// Called at the end, because TLS 1.3 tickets may arrive at any time after the handshake; the last one counts.
void tls_engine::keep_session() {
  if (shared_.is_server || !shared_.resume_sessions) return;
  openssl_ptr<SSL_SESSION> session(SSL_get1_session(ssl_.get()));
  if (!session || SSL_SESSION_is_resumable(session.get()) != 1) return;
  const bool used_up =
      session == offered_ && SSL_SESSION_get_protocol_version(session.get()) >= TLS1_3_VERSION;
  if (!used_up) shared_.sessions.put(server_, std::move(session));
}

// OpenSSL refuses while a record is incomplete: then they are in use.
void tls_engine::release_memory() noexcept { SSL_free_buffers(ssl_.get()); }

void tls_engine::reserve_output(std::size_t count) {
  if (output_.empty()) output_.reserve(count);
}

bool tls_engine::has_input() const noexcept {
  const bool has_ended = failed_ || (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  return has_ended || !input_.empty() || SSL_pending(ssl_.get()) > 0;
}

void tls_engine::consume_output(std::size_t count) noexcept {
  sent_ += count;
  if (sent_ < output_.size()) return;
  sent_ = 0;
  output_.clear();
  if (output_.capacity() > keep_bytes) output_ = std::string();
}

bool tls_engine::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

void tls_engine::add_to(byte_stream::facts& out) const {
  out.tls_version = SSL_get_version(ssl_.get());
  out.cipher = SSL_get_cipher_name(ssl_.get());
  const openssl_ptr<X509> shown(SSL_get1_peer_certificate(ssl_.get()));
  const openssl_ptr<BIO> text(BIO_new(BIO_s_mem()));
  if (!shown || !text || PEM_write_bio_X509(text.get(), shown.get()) != 1) return;
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  out.peer_certificate.assign(bytes, static_cast<std::size_t>(size));
}

std::string tls_engine::describe() const {
  return std::string(SSL_get_version(ssl_.get())) + ' ' + SSL_get_cipher_name(ssl_.get());
}

}  // namespace holdfast
