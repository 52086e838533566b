#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "doctor_report.hpp"
#include "doctor_tls.hpp"

import holdfast;

namespace tool {
namespace {

// What one handshake has said so far; belongs to the context.
struct handshake {
  const SSL* of = nullptr;  // a redirect makes another one
  std::chrono::steady_clock::time_point begun{};
  bool chain_is_told = false;
  bool is_told = false;
};

int slot() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<handshake*>(kept); });
  return index;
}

handshake& of(const SSL* ssl) {
  return *static_cast<handshake*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), slot()));
}

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "?";
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "(no name)";
}

std::string date_text(const ASN1_TIME* when) {
  std::tm date{};
  if (ASN1_TIME_to_tm(when, &date) != 1) return "?";
  std::string out(sizeof("9999-12-31"), '\0');
  out.resize(std::strftime(out.data(), out.size(), "%F", &date));
  return out;
}

std::string names_of(X509* certificate) {
  std::string out;
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    out += (out.empty() ? "" : ", ") +
           std::string(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return out;
}

void tell_certificate(X509* each, bool is_servers) {
  auto text = name_text(X509_get_subject_name(each));
  if (is_servers) {
    if (const auto names = names_of(each); !names.empty()) text += ", for " + names;
  }
  const auto* last = X509_get0_notAfter(each);
  text += ", from " + date_text(X509_get0_notBefore(each)) + " to " + date_text(last);
  const bool is_over = X509_cmp_current_time(last) < 0;
  report(is_servers ? "certificate" : "issued by", text, is_over ? colour::bad : colour::none);
}

// Called for each certificate from the root down, and for each fault: the first call sees the whole chain.
int note_chain(int is_good, X509_STORE_CTX* state) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(state, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& now = of(ssl);
  if (std::exchange(now.chain_is_told, true)) return is_good;
  auto* const chain = X509_STORE_CTX_get0_chain(state);
  for (int i = 0; i < sk_X509_num(chain); ++i) tell_certificate(sk_X509_value(chain, i), i == 0);
  return is_good;
}

void note_progress(const SSL* ssl, int where, int) {
  auto& now = of(ssl);
  const auto at = std::chrono::steady_clock::now();
  if ((where & SSL_CB_HANDSHAKE_START) != 0 && now.of != ssl) {
    now.of = ssl;
    now.begun = at;
    now.chain_is_told = now.is_told = false;
  } else if ((where & SSL_CB_HANDSHAKE_DONE) != 0 &&
             !std::exchange(now.is_told, true)) {  // tickets come in others
    report_timed("tls", std::string(SSL_get_version(ssl)) + ", " + SSL_get_cipher_name(ssl), at - now.begun);
  }
}

}  // namespace

std::shared_ptr<boost::asio::ssl::context> observed_context(const holdfast::tls_options& given) {
  using context = boost::asio::ssl::context;
  auto out = std::make_shared<context>(context::tls_client);
  out->set_options(context::no_tlsv1 | context::no_tlsv1_1);
  const bool has_own_trust = !given.ca_file.empty() || !given.ca_directory.empty();
  if (!given.ca_file.empty()) out->load_verify_file(given.ca_file);
  if (!given.ca_directory.empty()) out->add_verify_path(given.ca_directory);
  if (!has_own_trust) out->set_default_verify_paths();
  if (!given.certificate_file.empty()) {
    out->use_certificate_chain_file(given.certificate_file);
    out->use_private_key_file(given.key_file.empty() ? given.certificate_file : given.key_file, context::pem);
  }
  auto* const native = out->native_handle();
  SSL_CTX_set_ex_data(native, slot(), new handshake);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, note_chain);
  SSL_CTX_set_info_callback(native, note_progress);
  return out;
}

}  // namespace tool
