#include "server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <memory>
#include <optional>
#include <vector>

#include "sockets.hpp"

import holdfast;
import holdfast.wire;

namespace bench {
namespace {

constexpr std::array<std::string_view, 4> names{"echo", "flood", "sink", "drop"};  // as in `behaviour`

struct task {
  behaviour what = behaviour::echo;
  std::size_t payload_bytes = 0;
};

std::optional<task> parse_path(std::string_view path) {
  task out;
  const auto slash = path.find('/', 1);
  if (slash == std::string_view::npos) return std::nullopt;
  const auto name = std::ranges::find(names, path.substr(1, slash - 1));
  if (name == names.end()) return std::nullopt;
  out.what = static_cast<behaviour>(name - names.begin());
  const auto digits = path.substr(slash + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), out.payload_bytes);
  return out.payload_bytes == 0 ? std::nullopt : std::optional(out);
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

void serve(int fd, const task& job) {
  const auto per_block = std::max<std::size_t>(1, 65536 / job.payload_bytes);
  const auto block = encoded(job.payload_bytes, per_block);
  const auto answer_bytes = frame_bytes(job.payload_bytes, false);
  const auto request_bytes = frame_bytes(job.payload_bytes, true);
  const auto buffer = std::make_unique<char[]>(1 << 18);
  std::size_t partial = 0;
  for (bool open = true; open;) {
    if (job.what == behaviour::flood) {
      open = send_all(fd, block);
      continue;
    }
    const auto count = ::recv(fd, buffer.get(), 1 << 18, 0);
    open = count > 0;
    if (!open || job.what == behaviour::sink) continue;
    partial += static_cast<std::size_t>(count);
    for (auto due = partial / request_bytes; due != 0 && open; due -= std::min(due, per_block)) {
      open = send_all(fd, std::string_view(block).substr(0, std::min(due, per_block) * answer_bytes));
    }
    partial %= request_bytes;
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
  return "/" + std::string(names[static_cast<std::size_t>(what)]) + "/" + std::to_string(payload_bytes);
}

server::server() {
  const auto listening = listen_on_loopback(64);
  listener_ = listening.fd;
  port_ = listening.port;
  acceptor_ = std::thread([this] { accept(); });
}

server::~server() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
}

// The upgrade is answered here: a thread for each session that is dropped would be most of what it costs.
void server::accept() {
  use_processor(1);
  std::vector<std::thread> connections;  // they end when their client does
  while (!stopping_) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto path = answer_upgrade(fd);
    const auto job = path ? parse_path(*path) : std::nullopt;
    if (job && job->what != behaviour::drop) {
      connections.emplace_back([fd, job = *job] { serve(fd, job); });
    } else {
      ::close(fd);
    }
  }
  for (auto& each : connections) each.join();
}

}  // namespace bench
