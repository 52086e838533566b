// :tls_material — what TLS contexts are made of: trust and own certificate, parsed once for all connections
// whose options name the same unchanged files. Knows no session and no stream.
module;
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

module holdfast.core:tls_material;

import :error;
import :file_stamp;
import :tls;

namespace holdfast {

struct openssl_free {
  void operator()(SSL* each) const noexcept { SSL_free(each); }
  void operator()(SSL_CTX* each) const noexcept { SSL_CTX_free(each); }
  void operator()(SSL_SESSION* each) const noexcept { SSL_SESSION_free(each); }
  void operator()(BIO* each) const noexcept { BIO_free(each); }
  void operator()(BIO_METHOD* each) const noexcept { BIO_meth_free(each); }
  void operator()(X509* each) const noexcept { X509_free(each); }
  void operator()(EVP_PKEY* each) const noexcept { EVP_PKEY_free(each); }
  void operator()(GENERAL_NAMES* each) const noexcept { GENERAL_NAMES_free(each); }
};
template <class T>
using openssl_ptr = std::unique_ptr<T, openssl_free>;

// Of the files that a context is made of, the system's store among them.
struct tls_stamps {
  file_stamp ca_file{};
  file_stamp certificate{};
  file_stamp key{};
  file_stamp ca_directory{};
  file_stamp system_store{};
  bool operator==(const tls_stamps&) const = default;
  // As long as these stamps are the same, so are the files.
  [[nodiscard]] bool settled() const;
  [[nodiscard]] bool readable_once() const;
};
tls_stamps stamps_of(const tls_options& given);

// Used by many threads and connections at a time; nothing in it is changed once it is made.
struct tls_material {
  openssl_ptr<SSL_CTX> handle;
  std::string digest{};  // of the files that were read; nothing of the system's store
};

// Each throws option_error if a file cannot be used.
std::shared_ptr<const tls_material> client_material(const tls_options& given);
std::shared_ptr<const tls_material> server_material(const tls_server_options& given);
std::shared_ptr<const tls_material> lent_material(net::ssl::context& from);

}  // namespace holdfast
