/// :certificates — an authority that issues certificates in memory, good ones and bad ones, for tests of
/// wss://. Its keys live as long as the test: nothing is written to a file.
module;
#include <memory>
#include <string>

export module holdfast.testing:certificates;

namespace holdfast::testing {

/// What a certificate says. By default: good for a server called "server".
export struct certificate_request {
  /// Its subject, and the DNS name that it is for ("*.example.test" is allowed).
  std::string host = "server";
  std::string ip{};      ///< an IP literal that it is for as well (in place of the name, if `host` is empty)
  bool client = false;   ///< shows who a client is; false: who a server is
  bool expired = false;  ///< ended an hour ago
  bool not_yet_valid = false;  ///< begins in an hour
  bool with_root = false;      ///< the certificate of the authority is appended to the chain
  bool subject_only = false;   ///< `host` is its subject, and it has no subjectAltName but for `ip`
};

/// PEM texts, as `tls_server_options` wants them; for `tls_options`, write them to files.
export struct issued_certificate {
  std::string certificate_pem{};  ///< and its chain, if any
  std::string key_pem{};          ///< not encrypted
};

/// A certificate authority with a key of its own (Ed25519). Not thread-safe. Throws std::runtime_error if
/// OpenSSL fails.
export class test_authority {
 public:
  /// Makes the key, and a certificate for it in which `name` is the subject.
  explicit test_authority(std::string name = "holdfast test authority");
  ~test_authority();
  /// Takes over the other one, which may then only be assigned to or destroyed.
  test_authority(test_authority&&) noexcept;
  test_authority& operator=(test_authority&&) noexcept;

  /// Returns the certificate of the authority, for `tls_options::ca_pem`: a client that trusts it trusts
  /// what the authority issues.
  [[nodiscard]] const std::string& certificate_pem() const noexcept;
  /// Returns a certificate with a new key.
  [[nodiscard]] issued_certificate issue(const certificate_request& what = {}) const;

 private:
  struct implementation;
  std::unique_ptr<implementation> implementation_;
};

/// Returns a certificate that nobody but its owner has signed. Throws std::runtime_error if OpenSSL fails.
export [[nodiscard]] issued_certificate self_signed(const certificate_request& what = {});

}  // namespace holdfast::testing
