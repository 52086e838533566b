// Loads the trusted authorities and our own certificate. A file that cannot be used is an error that names
// its option. What was made for a client is shared by all connections whose options name the same files.
module;
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

module holdfast.core;

import :file_stamp;
import :tls_material;

namespace holdfast {
namespace {

// A PEM text, and the option that it comes from.
struct pem {
  const char* field;
  std::string text;
};

// A file that is open for reading. Child processes do not inherit it.
class open_file {
 public:
  explicit open_file(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~open_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  // Appends the whole file. Returns errno if that fails, else 0.
  [[nodiscard]] int read_into(std::string& text) const {
    if (descriptor_ < 0) return failure_;
    std::array<char, 16 * 1024> piece{};
    for (;;) {
      const auto count = ::read(descriptor_, piece.data(), piece.size());
      if (count == 0) return 0;
      if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
      if (count < 0 && errno != EINTR) return errno;
    }
  }

 private:
  const int descriptor_;
  const int failure_ = errno;  // of open()
};

// Adds to `digest`, which shows later whether another reading has found the same content.
pem read_file(const char* field, const std::string& path, std::string& digest) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw option_error(field, "is a directory: " + path);
  std::string text;
  if (const int why = open_file(path).read_into(text); why != 0)
    throw option_error(field, "cannot be read: " + path + ": " + std::generic_category().message(why));
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), sum.data(), &size) != 1)
    throw std::bad_alloc();
  digest.append(reinterpret_cast<const char*>(sum.data()), size);
  return {field, std::move(text)};
}

// Never asks the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) { return 0; }

openssl_ptr<BIO> reader(const pem& from) {
  openssl_ptr<BIO> out(BIO_new_mem_buf(from.text.data(), static_cast<int>(from.text.size())));
  if (!out) throw std::bad_alloc();
  return out;
}

std::vector<openssl_ptr<X509>> certificates_in(const pem& from) {
  const auto bytes = reader(from);
  std::vector<openssl_ptr<X509>> out;
  ERR_clear_error();
  while (X509* next = PEM_read_bio_X509_AUX(bytes.get(), nullptr, no_password, nullptr))
    out.emplace_back(next);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) throw option_error(from.field, "holds a certificate that is not valid PEM");
  if (out.empty()) throw option_error(from.field, "holds no certificate in PEM form");
  return out;
}

void trust(SSL_CTX* context, const pem& authorities) {
  for (const auto& each : certificates_in(authorities)) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each.get()) != 1)
      throw option_error(authorities.field, "holds a certificate that cannot be used");
  }
}

void show(SSL_CTX* context, const pem& chain) {
  bool first = true;
  for (const auto& each : certificates_in(chain)) {
    const auto done = std::exchange(first, false) ? SSL_CTX_use_certificate(context, each.get())
                                                  : SSL_CTX_add1_chain_cert(context, each.get());
    if (done != 1)
      throw option_error(chain.field, "holds a certificate that is too weak, or of an unknown kind");
  }
}

// `missing` is the error's text if there is no key.
void use_key(SSL_CTX* context, const pem& from, const char* field, std::string_view missing) {
  const auto bytes = reader(from);
  const openssl_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bytes.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) throw option_error(field, missing);
  const bool fits =
      SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
  ERR_clear_error();
  if (!fits) throw option_error(field, "does not belong to the certificate");
}

openssl_ptr<SSL_CTX> make_handle(const SSL_METHOD* method, tls_version newest) {
  openssl_ptr<SSL_CTX> out(SSL_CTX_new(method));
  if (!out) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION);
  if (newest == tls_version::tls_1_2) SSL_CTX_set_max_proto_version(out.get(), TLS1_2_VERSION);
  return out;
}

void use_trust(SSL_CTX* context, const tls_options& given, std::string& digest) {
  const bool has_files = !given.ca_file.empty() || !given.ca_directory.empty();
  if (!given.ca_pem.empty() && has_files)
    throw option_error("tls.ca_pem", "replaces tls.ca_file and tls.ca_directory: leave it or them empty");
  if (!given.ca_pem.empty()) trust(context, {"tls.ca_pem", given.ca_pem});
  if (!given.ca_file.empty()) trust(context, read_file("tls.ca_file", given.ca_file, digest));
  if (!given.ca_directory.empty()) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(given.ca_directory, ignored))
      throw option_error("tls.ca_directory", "is not a directory: " + given.ca_directory);
    SSL_CTX_load_verify_dir(context, given.ca_directory.c_str());
  }
  if (given.ca_pem.empty() && !has_files) SSL_CTX_set_default_verify_paths(context);
  ERR_clear_error();
}

void use_own_certificate(SSL_CTX* context, const tls_options& given, std::string& digest) {
  if (given.certificate_file.empty()) {
    if (!given.key_file.empty())
      throw option_error("tls.key_file", "is set, but tls.certificate_file is empty");
    return;
  }
  const auto chain = read_file("tls.certificate_file", given.certificate_file, digest);
  show(context, chain);
  if (given.key_file.empty()) {
    use_key(context, chain, "tls.key_file",
            "is empty, and tls.certificate_file holds no unencrypted key in PEM form");
  } else {
    use_key(context, read_file("tls.key_file", given.key_file, digest), "tls.key_file",
            "holds no unencrypted key in PEM form");
  }
}

void ask_for_client_certificates(SSL_CTX* context, const tls_server_options& given) {
  trust(context, {"tls_server.client_ca_pem", given.client_ca_pem});
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (given.client_certificate_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
}

tls_material made_for_client(const tls_options& given) {
  tls_material out{.handle = make_handle(TLS_client_method(), tls_version::tls_1_3)};
  use_trust(out.handle.get(), given, out.digest);
  use_own_certificate(out.handle.get(), given, out.digest);
  return out;
}

// OpenSSL reads this file if the options name no trust.
std::string system_store() {
  const char* named = std::getenv(X509_get_default_cert_file_env());
  return named != nullptr ? named : X509_get_default_cert_file();
}

// Can two connections share what was made of these options and files? Only if the files are as they were.
using identity = std::tuple<std::string, std::string, std::string, std::string, std::string, tls_stamps>;

identity identity_of(const tls_options& given, const tls_stamps& now) {
  return {given.ca_file, given.ca_directory, given.ca_pem, given.certificate_file, given.key_file, now};
}

// Keeps nothing alive: what no connection uses any more is gone.
class shared_material {
 public:
  std::shared_ptr<const tls_material> find(const identity& wanted) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(entries_, wanted, &entry::of);
    return found == entries_.end() ? nullptr : found->made.lock();
  }

  void add(identity of, const std::shared_ptr<const tls_material>& made) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const entry& each) { return each.made.expired() || each.of == of; });
    entries_.push_back({std::move(of), made});
  }

 private:
  struct entry {
    identity of;
    std::weak_ptr<const tls_material> made;
  };
  std::mutex mutex_;
  std::vector<entry> entries_;
};

// Never destroyed, because connections may still dial while a program ends.
shared_material& of_process() {
  static auto& instance = *std::make_unique<shared_material>().release();
  return instance;
}

}  // namespace

// The user's own context replaces all files.
tls_stamps stamps_of(const tls_options& given) {
  if (given.context) return {};
  const auto stamp = [](const std::string& path) { return path.empty() ? file_stamp{} : stamp_of(path); };
  const bool names_trust = !given.ca_file.empty() || !given.ca_directory.empty() || !given.ca_pem.empty();
  return {.ca_file = stamp(given.ca_file),
          .certificate = stamp(given.certificate_file),
          .key = stamp(given.key_file),
          .ca_directory = stamp(given.ca_directory),
          .system_store = names_trust ? file_stamp{} : stamp(system_store())};
}

bool tls_stamps::settled() const {
  return is_settled(ca_file) && is_settled(certificate) && is_settled(key) && is_settled(ca_directory) &&
         is_settled(system_store);
}

bool tls_stamps::readable_once() const {
  const auto is_other = [](const file_stamp& each) { return each.is == file_stamp::kind::other; };
  return is_other(ca_file) || is_other(certificate) || is_other(key) || is_other(ca_directory) ||
         is_other(system_store);
}

// Parsing the system's store takes 25 ms and 0.8 MiB. Two threads that both find nothing make one each.
std::shared_ptr<const tls_material> client_material(const tls_options& given) {
  const auto now = stamps_of(given);
  const bool can_be_shared = now.settled() && !now.readable_once();
  auto same = identity_of(given, now);
  if (can_be_shared) {
    if (auto found = of_process().find(same)) return found;
  }
  auto made = std::make_shared<const tls_material>(made_for_client(given));
  if (can_be_shared) of_process().add(std::move(same), made);
  return made;
}

std::shared_ptr<const tls_material> server_material(const tls_server_options& given) {
  tls_material out{.handle = make_handle(TLS_server_method(), given.newest)};
  auto* const handle = out.handle.get();
  show(handle, {"tls_server.certificate_pem", given.certificate_pem});
  use_key(handle, {"tls_server.key_pem", given.key_pem}, "tls_server.key_pem", "holds no key in PEM form");
  // Without a name, a server that asks for certificates resumes no session.
  constexpr std::string_view name = "holdfast";
  SSL_CTX_set_session_id_context(handle, reinterpret_cast<const unsigned char*>(name.data()),
                                 static_cast<unsigned>(name.size()));
  if (!given.client_ca_pem.empty()) ask_for_client_certificates(handle, given);
  return std::make_shared<const tls_material>(std::move(out));
}

std::shared_ptr<const tls_material> lent_material(net::ssl::context& from) {
  SSL_CTX_up_ref(from.native_handle());
  return std::make_shared<const tls_material>(
      tls_material{.handle = openssl_ptr<SSL_CTX>(from.native_handle())});
}

}  // namespace holdfast
