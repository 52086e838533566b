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
#include <span>
#include <vector>

import holdfast;
import holdfast.wire;

namespace bench {
namespace {

constexpr std::array<std::string_view, 4> names{"echo", "flood", "sink", "drop"};  // as in `behaviour`

std::optional<job> parse_path(std::string_view path) {
  job out;
  const auto slash = path.find('/', 1);
  if (slash == std::string_view::npos) return std::nullopt;
  const auto name = std::ranges::find(names, path.substr(1, slash - 1));
  if (name == names.end()) return std::nullopt;
  out.what = static_cast<behaviour>(name - names.begin());
  const auto digits = path.substr(slash + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), out.payload_bytes);
  out.text = path.ends_with("/text");
  return out.payload_bytes == 0 ? std::nullopt : std::optional(out);
}

// Frames of the server, one behind the other.
std::string encoded(const job& what, std::size_t count) {
  holdfast::byte_queue out;
  for (std::size_t i = 0; i < count; ++i) {
    holdfast::encode_frame(out, holdfast::peer_role::server,
                           what.text ? holdfast::opcode::text : holdfast::opcode::binary,
                           std::string(what.payload_bytes, 'x'));
  }
  return std::string(out.view());
}

std::size_t frame_bytes(std::size_t payload_bytes, bool masked) {
  return payload_bytes + (payload_bytes > 0xFFFF ? 10U : payload_bytes > 125 ? 4U : 2U) + (masked ? 4U : 0U);
}

void serve(byte_pipe& with, const job& what) {
  const auto per_block = std::max<std::size_t>(1, 65536 / what.payload_bytes);  // about 64 KiB
  const auto block = encoded(what, per_block);
  const auto answer_bytes = frame_bytes(what.payload_bytes, false);
  const auto request_bytes = frame_bytes(what.payload_bytes, true);
  std::vector<char> place(1 << 18);
  std::size_t partial = 0;
  for (bool open = true; open;) {
    if (what.what == behaviour::flood) {
      open = with.send_all(block);
      continue;
    }
    const auto count = with.receive(place);
    open = count != 0;
    if (!open || what.what == behaviour::sink) continue;
    partial += count;
    for (auto due = partial / request_bytes; due != 0 && open; due -= std::min(due, per_block)) {
      open = with.send_all(std::string_view(block).substr(0, std::min(due, per_block) * answer_bytes));
    }
    partial %= request_bytes;
  }
}

}  // namespace

void use_processor(unsigned index) {
  if (std::thread::hardware_concurrency() < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(index, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

std::string server::path(const job& wanted) {
  return "/" + std::string(names[static_cast<std::size_t>(wanted.what)]) + "/" +
         std::to_string(wanted.payload_bytes) + (wanted.text ? "/text" : "/binary");
}

server::server(const tls_identity* identity) : identity_(identity) {
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
    auto with = identity_ == nullptr ? plain_pipe(fd) : identity_->accept(fd);
    const auto path = with ? answer_upgrade(*with) : std::nullopt;
    const auto wanted = path ? parse_path(*path) : std::nullopt;
    if (!wanted || wanted->what == behaviour::drop) {
      ::close(fd);
      continue;
    }
    connections.emplace_back([fd, wanted = *wanted, with = std::move(with)] {
      serve(*with, wanted);
      ::close(fd);
    });
  }
  for (auto& each : connections) each.join();
}

}  // namespace bench
