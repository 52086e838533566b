#include "idle_server.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::size_t other_files = 200;  // for what else a process has open

std::size_t raise_file_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

void watch(int events, int fd, std::uint32_t what) {
  epoll_event entry{};
  entry.events = what;
  entry.data.fd = fd;
  if (::epoll_ctl(events, EPOLL_CTL_ADD, fd, &entry) != 0) ::_exit(1);
}

[[noreturn]] void hold_connections(int listener, int lifeline, const tls_identity* identity) {
  const int events = ::epoll_create1(EPOLL_CLOEXEC);
  watch(events, listener, EPOLLIN);
  watch(events, lifeline, 0);  // that it is closed is always told
  std::map<int, std::unique_ptr<byte_pipe>> open;
  for (epoll_event next{};;) {
    if (::epoll_wait(events, &next, 1, -1) != 1) {
      if (errno == EINTR) continue;
      ::_exit(1);
    }
    const int fd = next.data.fd;
    if (fd == lifeline) ::_exit(0);
    if (fd != listener) {
      open.erase(fd);
      ::close(fd);
      continue;
    }
    const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) continue;
    auto with = identity == nullptr ? plain_pipe(accepted) : identity->accept(accepted);
    if (with && answer_upgrade(*with)) {
      open[accepted] = std::move(with);
      watch(events, accepted, EPOLLRDHUP);
    } else {
      ::close(accepted);
    }
  }
}

}  // namespace

idle_server::idle_server(const tls_identity* identity) {
  const auto limit = raise_file_limit();
  capacity_ = limit - std::min(limit, other_files);
  const auto listening = listen_on_loopback(1024);
  port_ = listening.port;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("the benchmark cannot make a pipe");
  child_ = ::fork();
  if (child_ < 0) throw std::runtime_error("the benchmark cannot start a process for its server");
  if (child_ == 0) {
    ::close(ends[1]);
    hold_connections(listening.fd, ends[0], identity);
  }
  lifeline_ = ends[1];
  ::close(ends[0]);
  ::close(listening.fd);
}

idle_server::~idle_server() {
  ::close(lifeline_);
  ::waitpid(child_, nullptr, 0);
}

}  // namespace bench
