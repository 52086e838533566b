#include "sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/system/error_code.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

import holdfast;
import holdfast.wire;

namespace bench {
namespace {

class plain final : public byte_pipe {
 public:
  explicit plain(int fd) : fd_(fd) {}

  bool send_all(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  std::size_t receive(std::span<char> into) override {
    const auto count = ::recv(fd_, into.data(), into.size(), 0);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

 private:
  int fd_;
};

class encrypted final : public byte_pipe {
 public:
  explicit encrypted(std::shared_ptr<SSL> session) : session_(std::move(session)) {}

  bool send_all(std::string_view bytes) override {
    std::size_t count = 0;
    return SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count) == 1;
  }
  std::size_t receive(std::span<char> into) override {
    std::size_t count = 0;
    return SSL_read_ex(session_.get(), into.data(), into.size(), &count) == 1 ? count : 0;
  }

 private:
  std::shared_ptr<SSL> session_;
};

}  // namespace

listening_socket listen_on_loopback(int backlog) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd, backlog) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    throw std::runtime_error("the benchmark's server cannot listen on the loopback address");
  }
  return {fd, ntohs(at.sin_port)};
}

std::unique_ptr<byte_pipe> plain_pipe(int fd) { return std::make_unique<plain>(fd); }

tls_identity::tls_identity(const std::string& certificate_pem, const std::string& key_pem)
    : context_(SSL_CTX_new(TLS_server_method()),
               [](void* made) { SSL_CTX_free(static_cast<SSL_CTX*>(made)); }) {
  const auto reader = [](const std::string& pem) {
    return std::shared_ptr<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  };
  const std::shared_ptr<X509> certificate(
      PEM_read_bio_X509(reader(certificate_pem).get(), nullptr, nullptr, nullptr), X509_free);
  const std::shared_ptr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(reader(key_pem).get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  auto* context = static_cast<SSL_CTX*>(context_.get());
  if (!certificate || !key || SSL_CTX_use_certificate(context, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    throw std::runtime_error("the benchmark's server cannot use its certificate");
}

std::unique_ptr<byte_pipe> tls_identity::accept(int fd) const {
  std::shared_ptr<SSL> session(SSL_new(static_cast<SSL_CTX*>(context_.get())), SSL_free);
  if (!session || SSL_set_fd(session.get(), fd) != 1 || SSL_accept(session.get()) != 1) return nullptr;
  return std::make_unique<encrypted>(std::move(session));
}

std::optional<std::string> answer_upgrade(byte_pipe& from, std::string_view compressed) {
  std::string bytes;
  for (std::array<char, 4096> piece{};;) {
    const auto count = from.receive(piece);
    if (count == 0) return std::nullopt;
    bytes.append(piece.data(), count);
    const auto head = holdfast::parse_request(bytes);
    if (head.has_error()) return std::nullopt;
    if (!*head) continue;
    const bool sent = from.send_all(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        holdfast::websocket_accept((*head)->header("Sec-WebSocket-Key")) +
        ((*head)->path.starts_with(compressed)
             ? "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"
             : "") +
        "\r\n\r\n");
    return sent ? std::optional((*head)->path) : std::nullopt;
  }
}

}  // namespace bench
