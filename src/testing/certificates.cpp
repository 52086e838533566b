// Makes certificates with OpenSSL's API: a key, the fields of RFC 5280, a signature.
module;
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

module holdfast.testing;

namespace holdfast::testing {
namespace {

struct freed {
  void operator()(X509* each) const noexcept { X509_free(each); }
  void operator()(X509_EXTENSION* each) const noexcept { X509_EXTENSION_free(each); }
  void operator()(EVP_PKEY* each) const noexcept { EVP_PKEY_free(each); }
  void operator()(BIO* each) const noexcept { BIO_free(each); }
};
using certificate_ptr = std::unique_ptr<X509, freed>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed>;

void check(bool done) {
  if (!done) throw std::runtime_error("OpenSSL cannot make a certificate for the test");
}

// Ed25519 signatures all have one length, so a simulated handshake is equally long each time.
key_ptr new_key() {
  key_ptr out(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  check(out != nullptr);
  return out;
}

template <class Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, freed> text(BIO_new(BIO_s_mem()));
  check(text && write(text.get()) == 1);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return pem([&](BIO* to) { return PEM_write_bio_X509(to, certificate); });
}

std::string pem_of(EVP_PKEY* key) {
  return pem(
      [&](BIO* to) { return PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

void add(X509* to, X509* issuer, int extension, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, freed> made(
      X509V3_EXT_conf_nid(nullptr, &context, extension, value.c_str()));
  check(made && X509_add_ext(to, made.get(), -1) == 1);
}

void set_serial_number(X509* of) {
  std::uint64_t number = 0;
  check(RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) == 1);
  number = (number >> 2U) | 1ULL << 62U;  // positive, and always of the same length
  check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(of), number) == 1);
}

// `begins` and `ends` are relative to now.
certificate_ptr unsigned_certificate(const std::string& subject, EVP_PKEY* key, std::chrono::seconds begins,
                                     std::chrono::seconds ends) {
  certificate_ptr out(X509_new());
  check(out != nullptr);
  check(X509_set_version(out.get(), X509_VERSION_3) == 1);
  set_serial_number(out.get());
  check(X509_gmtime_adj(X509_getm_notBefore(out.get()), begins.count()) != nullptr);
  check(X509_gmtime_adj(X509_getm_notAfter(out.get()), ends.count()) != nullptr);
  check(X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0) == 1);
  check(X509_set_pubkey(out.get(), key) == 1);
  return out;
}

void sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
  check(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
  add(certificate, issuer, NID_subject_key_identifier, "hash");
  if (certificate != issuer) add(certificate, issuer, NID_authority_key_identifier, "keyid");
  check(X509_sign(certificate, issuer_key, nullptr) > 0);  // null: the key's own digest
}

certificate_ptr leaf(const certificate_request& what, EVP_PKEY* key) {
  using std::chrono::hours;
  const auto begins = what.not_yet_valid ? hours(1) : hours(-48);
  const auto ends = what.expired ? hours(-1) : hours(48);
  auto out = unsigned_certificate(what.host.empty() ? what.ip : what.host, key, begins, ends);
  std::string names;
  if (!what.host.empty() && !what.subject_only) names = "DNS:" + what.host;
  if (!what.ip.empty()) names += (names.empty() ? "IP:" : ",IP:") + what.ip;
  add(out.get(), out.get(), NID_basic_constraints, "critical,CA:FALSE");
  add(out.get(), out.get(), NID_key_usage, "critical,digitalSignature");
  add(out.get(), out.get(), NID_ext_key_usage, what.client ? "clientAuth" : "serverAuth");
  if (!names.empty()) add(out.get(), out.get(), NID_subject_alt_name, names);
  return out;
}

}  // namespace

struct test_authority::implementation {
  key_ptr key;
  certificate_ptr certificate;
  std::string certificate_text;
};

test_authority::test_authority(std::string name) : implementation_(std::make_unique<implementation>()) {
  using std::chrono::hours;
  auto& self = *implementation_;
  self.key = new_key();
  self.certificate = unsigned_certificate(name, self.key.get(), hours(-72), hours(72));
  auto* const certificate = self.certificate.get();
  add(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  add(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  sign(certificate, certificate, self.key.get());
  self.certificate_text = pem_of(certificate);
}

test_authority::~test_authority() = default;
test_authority::test_authority(test_authority&&) noexcept = default;
test_authority& test_authority::operator=(test_authority&&) noexcept = default;

const std::string& test_authority::certificate_pem() const noexcept {
  return implementation_->certificate_text;
}

issued_certificate test_authority::issue(const certificate_request& what) const {
  const auto key = new_key();
  const auto certificate = leaf(what, key.get());
  sign(certificate.get(), implementation_->certificate.get(), implementation_->key.get());
  auto chain = pem_of(certificate.get());
  if (what.with_root) chain += certificate_pem();
  return {std::move(chain), pem_of(key.get())};
}

issued_certificate self_signed(const certificate_request& what) {
  const auto key = new_key();
  const auto certificate = leaf(what, key.get());
  sign(certificate.get(), certificate.get(), key.get());
  return {pem_of(certificate.get()), pem_of(key.get())};
}

}  // namespace holdfast::testing
