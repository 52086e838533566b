#include "server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/system/error_code.hpp>
#include <charconv>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

import holdfast;

namespace bench {
namespace {

struct task {
  behaviour what = behaviour::echo;
  std::size_t payload_bytes = 0;
};

std::optional<task> parse_path(std::string_view path) {
  task out;
  const auto slash = path.find('/', 1);
  if (slash == std::string_view::npos) return std::nullopt;
  const auto name = path.substr(1, slash - 1);
  out.what = name == "flood" ? behaviour::flood : name == "sink" ? behaviour::sink : behaviour::echo;
  const auto digits = path.substr(slash + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), out.payload_bytes);
  return out.payload_bytes == 0 ? std::nullopt : std::optional(out);
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::optional<task> upgrade(int fd) {
  std::string bytes;
  for (char piece[4096];;) {
    const auto count = ::recv(fd, piece, sizeof piece, 0);
    if (count <= 0) return std::nullopt;
    bytes.append(piece, static_cast<std::size_t>(count));
    const auto head = holdfast::parse_request(bytes);
    if (head.has_error()) return std::nullopt;
    if (!*head) continue;
    const bool sent =
        send_all(fd,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: " +
                     holdfast::websocket_accept((*head)->header("Sec-WebSocket-Key")) + "\r\n\r\n");
    return sent ? parse_path((*head)->path) : std::nullopt;
  }
}

// Frames of the server, as many as fill about 64 KiB.
std::string encoded(std::size_t payload_bytes, std::size_t count) {
  holdfast::byte_queue out;
  for (std::size_t i = 0; i < count; ++i) {
    holdfast::encode_frame(out, holdfast::peer_role::server, holdfast::opcode::binary,
                           std::string(payload_bytes, 'x'));
  }
  return std::string(out.view());
}

std::size_t frame_bytes(std::size_t payload_bytes, bool masked) {
  return payload_bytes + (payload_bytes > 0xFFFF ? 10U : payload_bytes > 125 ? 4U : 2U) + (masked ? 4U : 0U);
}

void serve(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto job = upgrade(fd);
  if (job) {
    const auto per_block = std::max<std::size_t>(1, 65536 / job->payload_bytes);
    const auto block = encoded(job->payload_bytes, per_block);
    const auto answer_bytes = frame_bytes(job->payload_bytes, false);
    const auto request_bytes = frame_bytes(job->payload_bytes, true);
    const auto buffer = std::make_unique<char[]>(1 << 18);
    std::size_t partial = 0;
    for (bool open = true; open;) {
      if (job->what == behaviour::flood) {
        open = send_all(fd, block);
        continue;
      }
      const auto count = ::recv(fd, buffer.get(), 1 << 18, 0);
      open = count > 0;
      if (!open || job->what == behaviour::sink) continue;
      partial += static_cast<std::size_t>(count);
      for (auto due = partial / request_bytes; due != 0 && open; due -= std::min(due, per_block)) {
        open = send_all(fd, std::string_view(block).substr(0, std::min(due, per_block) * answer_bytes));
      }
      partial %= request_bytes;
    }
  }
  ::close(fd);
}

}  // namespace

void use_processor(unsigned index) {
  if (std::thread::hardware_concurrency() < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(index, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

std::string server::path(behaviour what, std::size_t payload_bytes) {
  const char* name = what == behaviour::flood ? "/flood/" : what == behaviour::sink ? "/sink/" : "/echo/";
  return name + std::to_string(payload_bytes);
}

server::server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    throw std::runtime_error("the benchmark's server cannot listen on the loopback address");
  }
  port_ = ntohs(at.sin_port);
  acceptor_ = std::thread([this] { accept(); });
}

server::~server() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
}

void server::accept() {
  use_processor(1);
  std::vector<std::thread> connections;  // they end when their client does
  while (!stopping_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) connections.emplace_back([fd] { serve(fd); });
  }
  for (auto& each : connections) each.join();
}

}  // namespace bench
