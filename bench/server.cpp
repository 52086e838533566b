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

#include "conversation.hpp"

import holdfast;
import holdfast.wire;

namespace bench {
namespace {

constexpr std::array<std::string_view, 5> names{"echo", "flood", "sink", "drop",
                                                "compressed"};  // as in `behaviour`

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

// Frames of the server, each compressed by itself.
std::vector<std::string> compressed_frames() {
  holdfast::frame_encoder encoder(holdfast::peer_role::server);
  encoder.agree({.server = {.context_takeover = false}});
  conversation source;
  std::vector<std::string> out(64);
  for (auto& frame : out) {
    holdfast::byte_queue place;
    encoder.message(place, holdfast::message_kind::text, source.next());
    frame = place.view();
  }
  return out;
}

// Finds where the frames of a client end.
class frame_counter {
 public:
  // How many frames end in these bytes, which follow those before.
  std::size_t count(std::string_view bytes) {
    std::size_t found = 0;
    for (head_.append(bytes.substr(skip(bytes))); !head_.empty();) {
      const auto length = static_cast<unsigned char>(head_.size() > 1 ? head_[1] : 0) & 0x7FU;
      const std::size_t head_bytes =
          length == 126 ? 8 : 6;  // with the mask; no message here has more than 64 KiB
      if (head_.size() < head_bytes) break;
      const auto at = [this](std::size_t i) { return std::size_t{static_cast<unsigned char>(head_[i])}; };
      const auto frame_size = head_bytes + (length == 126 ? at(2) << 8U | at(3) : length);
      ++found;
      left_ = frame_size - std::min(frame_size, head_.size());
      head_.erase(0, std::min(frame_size, head_.size()));
    }
    return found;
  }

 private:
  std::size_t skip(std::string_view bytes) {
    const auto skipped = std::min(left_, bytes.size());
    left_ -= skipped;
    return skipped;
  }

  std::string head_;
  std::size_t left_ = 0;  // of the frame that was counted last
};

void serve_compressed(byte_pipe& with, std::atomic<double>& bytes_of_one) {
  const auto frames = compressed_frames();
  frame_counter requests;
  std::vector<char> place(1 << 18);
  std::size_t bytes = 0;
  std::size_t messages = 0;
  for (std::string answers;;) {
    const auto count = with.receive(place);
    if (count == 0) return;
    answers.clear();
    const auto came = requests.count({place.data(), count});
    for (std::size_t i = 0; i < came; ++i) answers += frames[(messages + i) % frames.size()];
    bytes += count;
    messages += came;
    if (messages != 0) bytes_of_one = static_cast<double>(bytes) / static_cast<double>(messages);
    if (!with.send_all(answers)) return;
  }
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
    connections.emplace_back([this, fd, wanted = *wanted, with = std::move(with)] {
      wanted.what == behaviour::compressed ? serve_compressed(*with, compressed_bytes_)
                                           : serve(*with, wanted);
      ::close(fd);
    });
  }
  for (auto& each : connections) each.join();
}

}  // namespace bench
