// Which of our errors a failure of TLS is, and what more can be said about it in one line.
module;
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast;

import :tls_engine;

namespace holdfast {
namespace {

constexpr std::size_t detail_bytes = 300;

// RFC 2253, in which a name is one line of ASCII whatever it holds.
std::string subject_of(const X509* certificate) {
  const openssl_ptr<BIO> text(BIO_new(BIO_s_mem()));
  if (!text) return {};
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

// "certificate has expired (CN=server)"
std::string certificate_detail(const SSL* ssl, long result, std::string_view host) {
  std::string out = X509_verify_cert_error_string(result);
  const auto* const chain = SSL_get0_verified_chain(ssl);  // as far as it got; the server's own is the first
  const auto subject = chain != nullptr && sk_X509_num(chain) > 0 ? subject_of(sk_X509_value(chain, 0)) : "";
  const bool names_differ = certificate_error(result) == error::certificate_wrong_host;
  if (names_differ) out += ": wanted " + std::string(host);
  if (!subject.empty())
    out += (names_differ ? ", certificate is for " : " (") + subject + (names_differ ? "" : ")");
  return out;
}

struct queued_errors {
  unsigned long first = 0;
  int alert = -1;  // the peer's
};

// The first is the cause. An alert of the peer is among them as a number of its own.
queued_errors take_errors() {
  queued_errors out;
  while (const auto code = ERR_get_error()) {
    if (out.first == 0) out.first = code;
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
        reason < SSL_AD_REASON_OFFSET + 256)
      out.alert = reason - SSL_AD_REASON_OFFSET;
  }
  return out;
}

std::string reason_text(unsigned long code) {
  const char* const reason = ERR_reason_error_string(code);
  std::string out = reason != nullptr ? reason : "OpenSSL error " + std::to_string(ERR_GET_REASON(code));
  const bool is_other_protocol =
      ERR_GET_LIB(code) == ERR_LIB_SSL &&
      (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER || ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST);
  if (is_other_protocol) out += ": the peer does not seem to speak TLS";
  return out;
}

}  // namespace

error certificate_error(long result) noexcept {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return error::certificate_expired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return error::certificate_wrong_host;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return error::certificate_self_signed;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return error::certificate_unknown_issuer;
    default:
      return error::certificate_invalid;
  }
}

error alert_error(int alert, bool asked) noexcept {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return error::client_certificate_refused;
    case SSL_AD_HANDSHAKE_FAILURE:  // how TLS 1.2 says that it misses one
      return asked ? error::client_certificate_refused : error::tls_failed;
    default:
      return error::tls_failed;
  }
}

tls_result openssl_failure(const SSL* ssl, bool is_server, bool asked, std::string_view host) {
  const auto queued = take_errors();
  tls_result out{error::tls_failed, reason_text(queued.first)};
  if (queued.first == 0) out.detail = "OpenSSL gives no reason";
  if (ERR_GET_LIB(queued.first) == ERR_LIB_SSL &&
      ERR_GET_REASON(queued.first) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const auto result = SSL_get_verify_result(ssl);
    if (!is_server) out.error = certificate_error(result);
    out.detail = certificate_detail(ssl, result, host);
  } else if (queued.alert >= 0 && !is_server) {
    out.error = alert_error(queued.alert, asked);
  }
  if (out.detail.size() > detail_bytes) out.detail.resize(detail_bytes);
  return out;
}

}  // namespace holdfast
