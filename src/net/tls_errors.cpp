// Maps each failure of TLS to one of our errors, with a detail of one line.
module;
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
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

module holdfast.core;

import :tls_engine;

namespace holdfast {
namespace {

constexpr std::size_t detail_bytes = 300;
constexpr std::size_t most_names = 4;  // shown; a certificate can have hundreds

struct alert_name {
  int number;
  std::string_view name;
};
// RFC 8446 section 6, RFC 5246 section 7.2, RFC 6066, RFC 7301, RFC 9146. OpenSSL's own names include the TLS
// version that introduced each, and some are missing.
constexpr std::array<alert_name, 38> alert_names{{{0, "close notify"},
                                                  {10, "unexpected message"},
                                                  {20, "bad record mac"},
                                                  {21, "decryption failed"},
                                                  {22, "record overflow"},
                                                  {30, "decompression failure"},
                                                  {40, "handshake failure"},
                                                  {41, "no certificate"},
                                                  {42, "bad certificate"},
                                                  {43, "unsupported certificate"},
                                                  {44, "certificate revoked"},
                                                  {45, "certificate expired"},
                                                  {46, "certificate unknown"},
                                                  {47, "illegal parameter"},
                                                  {48, "unknown ca"},
                                                  {49, "access denied"},
                                                  {50, "decode error"},
                                                  {51, "decrypt error"},
                                                  {52, "too many cids requested"},
                                                  {60, "export restriction"},
                                                  {70, "protocol version"},
                                                  {71, "insufficient security"},
                                                  {80, "internal error"},
                                                  {86, "inappropriate fallback"},
                                                  {90, "user canceled"},
                                                  {100, "no renegotiation"},
                                                  {109, "missing extension"},
                                                  {110, "unsupported extension"},
                                                  {111, "certificate unobtainable"},
                                                  {112, "unrecognized name"},
                                                  {113, "bad certificate status response"},
                                                  {114, "bad certificate hash value"},
                                                  {115, "unknown psk identity"},
                                                  {116, "certificate required"},
                                                  {117, "general error"},
                                                  {120, "no application protocol"},
                                                  {121, "ech required"},
                                                  {255, "no reason"}}};

std::string alert_text(int alert) {
  const auto known = std::ranges::find(alert_names, alert, &alert_name::number);
  std::string out = "TLS alert ";
  if (known == alert_names.end()) return out + std::to_string(alert);
  return out.append(known->name);
}

// In the form of RFC 2253, which is one line of ASCII, whatever the name holds.
std::string subject_of(const X509* certificate) {
  const openssl_ptr<BIO> text(BIO_new(BIO_s_mem()));
  if (!text) return {};
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

// Returns one line of ASCII, whatever `from` holds.
std::string text_of(const ASN1_STRING* from) {
  const auto* const bytes = ASN1_STRING_get0_data(from);
  std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(ASN1_STRING_length(from)));
  std::ranges::replace_if(out, [](char each) { return each <= ' ' || each > '~'; }, '?');
  return out;
}

std::string address_of(const ASN1_OCTET_STRING* from) {
  const auto* const bytes = ASN1_STRING_get0_data(from);
  const auto size = static_cast<std::size_t>(ASN1_STRING_length(from));
  net::ip::address_v4::bytes_type v4{};
  net::ip::address_v6::bytes_type v6{};
  if (size == v4.size()) {
    std::copy_n(bytes, size, v4.begin());
    return net::ip::address_v4(v4).to_string();
  }
  if (size != v6.size()) return "?";
  std::copy_n(bytes, size, v6.begin());
  return net::ip::address_v6(v6).to_string();
}

// Returns the hosts that `certificate` is for (RFC 9525): the DNS names and addresses in its subjectAltName.
std::string hosts_of(const X509* certificate) {
  const openssl_ptr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string out;
  std::size_t count = 0;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* const each = sk_GENERAL_NAME_value(names.get(), i);
    if (each->type != GEN_DNS && each->type != GEN_IPADD) continue;
    if (++count > most_names) return out + " and others";
    if (count != 1) out += ", ";
    out += each->type == GEN_DNS ? text_of(each->d.dNSName) : address_of(each->d.iPAddress);
  }
  return out;
}

// ": wanted server, certificate is for other". People expect the name in the subject, so the text notes if it
// stands only there, where it does not count.
std::string mismatch_detail(X509* certificate, long result, std::string_view host) {
  const auto hosts = hosts_of(certificate);
  const bool subject_has_it = result == X509_V_ERR_HOSTNAME_MISMATCH &&
                              X509_check_host(certificate, host.data(), host.size(),
                                              X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT, nullptr) == 1;
  std::string out = ": wanted " + std::string(host) + ", certificate is for ";
  out += hosts.empty() ? "no host" : hosts;
  if (hosts.empty() || subject_has_it)
    out +=
        "; a host name counts only in subjectAltName, not in the subject (" + subject_of(certificate) + ')';
  return out;
}

// "certificate has expired (CN=server)"
std::string certificate_detail(const SSL* ssl, long result, std::string_view host) {
  std::string out = X509_verify_cert_error_string(result);
  const auto* const chain = SSL_get0_verified_chain(ssl);  // may be incomplete; the peer's own comes first
  auto* const shown = chain != nullptr && sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : nullptr;
  if (shown == nullptr) return out;
  if (certificate_error(result) == error::certificate_wrong_host)
    return out + mismatch_detail(shown, result, host);
  const auto subject = subject_of(shown);
  return subject.empty() ? out : out + " (" + subject + ')';
}

struct queued_errors {
  unsigned long first = 0;
  int alert = -1;  // the peer's
};

// The first is the cause. An alert of the peer is in the queue as an error with a number of its own.
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

error alert_error(int alert, const tls_history& before) noexcept {
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
    case SSL_AD_NO_RENEGOTIATION:
    case SSL_AD_HANDSHAKE_FAILURE:
      if (before.anew != renegotiation::never_wanted) return error::renegotiation_refused;
      // This is how a server with TLS 1.2 reports that it misses one.
      return before.asked ? error::client_certificate_refused : error::tls_failed;
    default:
      return before.anew == renegotiation::declined ? error::renegotiation_refused : error::tls_failed;
  }
}

tls_result openssl_failure(const SSL* ssl, const tls_history& before, std::string_view host) {
  const auto queued = take_errors();
  tls_result out{error::tls_failed, reason_text(queued.first)};
  if (queued.first == 0) out.detail = "OpenSSL gives no reason";
  if (ERR_GET_LIB(queued.first) == ERR_LIB_SSL &&
      ERR_GET_REASON(queued.first) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const auto result = SSL_get_verify_result(ssl);
    if (!before.is_server) out.error = certificate_error(result);
    out.detail = certificate_detail(ssl, result, host);
  } else if (queued.alert >= 0) {
    out.detail = alert_text(queued.alert);
    if (!before.is_server) out.error = alert_error(queued.alert, before);
    if (out.error == error::renegotiation_refused) out.detail.insert(0, "; ").insert(0, renegotiation_text);
  }
  if (out.detail.size() > detail_bytes) out.detail.resize(detail_bytes);
  return out;
}

}  // namespace holdfast
