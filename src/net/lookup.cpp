// Looks up names on threads of its own. The threads are detached, the one exception in this library:
// getaddrinfo may hang for minutes and cannot be interrupted, so joining such a thread would hold up the end
// of the program. A thread owns all that it touches, and the pool of the process is never destroyed.
module;
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <coroutine>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.core;

import :door;
import :wakeup;

namespace holdfast {
namespace {

using answer = lookup_pool::answer;
using steady = std::chrono::steady_clock;  // the threads do not see virtual time

// Finds an interface by its name or number (RFC 4007 section 11.2). Returns zero if there is none.
unsigned interface_of(const std::string& zone) {
  if (const auto index = ::if_nametoindex(zone.c_str()); index != 0) return index;
  unsigned number = 0;
  const auto* const end = zone.data() + zone.size();
  const auto read = std::from_chars(zone.data(), end, number);
  std::array<char, IF_NAMESIZE> name{};
  const bool known = read.ec == std::errc() && read.ptr == end && ::if_indextoname(number, name.data());
  return known ? number : 0;
}

// Returns nothing if `host` is a name. An unknown zone is an error: Asio would ignore it, and the connect
// would fail with "invalid argument".
std::optional<answer> literal(const std::string& host) {
  const auto percent = host.find('%');
  error_code not_literal;
  auto address = net::ip::make_address(host.substr(0, percent), not_literal);
  if (not_literal) return std::nullopt;
  if (percent != std::string::npos) {
    if (!address.is_v6()) return std::nullopt;
    const auto zone = interface_of(host.substr(percent + 1));
    if (zone == 0) return answer(error_code(ENODEV, boost::system::system_category()));
    auto scoped = address.to_v6();
    if (scoped.is_link_local() || scoped.is_multicast_link_local()) scoped.scope_id(zone);
    address = scoped;
  }
  return answer(std::vector{address});
}

// Translates the code as Asio does.
error_code resolver_error(int code, int system_error) {
  switch (code) {
    case EAI_AGAIN:
      return net::error::host_not_found_try_again;
    case EAI_BADFLAGS:
      return net::error::invalid_argument;
    case EAI_FAIL:
      return net::error::no_recovery;
    case EAI_FAMILY:
      return net::error::address_family_not_supported;
    case EAI_MEMORY:
      return net::error::no_memory;
    case EAI_NONAME:
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
    case EAI_NODATA:
#endif
      return net::error::host_not_found;
    case EAI_SERVICE:
      return net::error::service_not_found;
    case EAI_SOCKTYPE:
      return net::error::socket_type_not_supported;
    default:
      return {system_error, boost::system::system_category()};
  }
}

std::optional<net::ip::address> address_of(const addrinfo& entry) {
  if (entry.ai_family == AF_INET && entry.ai_addrlen >= sizeof(sockaddr_in)) {
    sockaddr_in from{};
    std::memcpy(&from, entry.ai_addr, sizeof from);
    return net::ip::address_v4(ntohl(from.sin_addr.s_addr));
  }
  if (entry.ai_family == AF_INET6 && entry.ai_addrlen >= sizeof(sockaddr_in6)) {
    sockaddr_in6 from{};
    std::memcpy(&from, entry.ai_addr, sizeof from);
    net::ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), &from.sin6_addr, bytes.size());
    return net::ip::address_v6(bytes, from.sin6_scope_id);
  }
  return std::nullopt;
}

answer ask_system(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_protocol = IPPROTO_TCP;
  addrinfo* list = nullptr;
  errno = 0;
  if (const int code = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list); code != 0)
    return resolver_error(code, errno);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  std::vector<net::ip::address> found;
  for (const auto* each = list; each != nullptr; each = each->ai_next) {
    if (const auto address = address_of(*each)) found.push_back(*address);
  }
  return found;
}

// While it lives, threads that this thread starts get no signal that the program waits for. Signals that a
// fault of the thread itself raises are not blocked.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    ::sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

class lookup_pool::implementation : public std::enable_shared_from_this<lookup_pool::implementation> {
 public:
  implementation(function look_up, lookup_bounds bounds) : look_up_(std::move(look_up)), bounds_(bounds) {}

  static net::awaitable<answer> wait(std::shared_ptr<implementation> self, std::string name);

 private:
  using asker_type = asker<answer>;
  using way = way_to<answer>;

  // One call of the function. Shared by the tables below, the thread that makes the call, and the askers.
  struct lookup {
    std::string name;
    std::optional<steady::time_point> began{};  // empty: waiting for a thread
    std::vector<way> askers{};
  };
  using lookup_ptr = std::shared_ptr<lookup>;

  // Registers an asker with a look-up for as long as the asker's frame lives.
  struct place {
    place(implementation& in, lookup_ptr joined, const asker_type& me)
        : pool(in), at(std::move(joined)), who(me) {}
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() { pool.leave(at, who); }
    implementation& pool;
    const lookup_ptr at;
    const asker_type& who;
  };

  result<lookup_ptr> join(const std::string& name, const std::shared_ptr<asker_type>& me);
  void leave(const lookup_ptr& at, const asker_type& who);
  void work();
  [[nodiscard]] answer call(const std::string& name) const noexcept;

  // Called under the lock.
  [[nodiscard]] lookup_ptr joinable(const std::vector<lookup_ptr>& of_name) const;
  error_code start_thread();
  lookup_ptr next();
  std::vector<way> finish(const lookup_ptr& done, bool found);
  void forget(const lookup_ptr& one);

  const function look_up_;
  const lookup_bounds bounds_;

  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<lookup_ptr>> of_name_;  // the youngest last
  std::deque<lookup_ptr> queue_;                                      // the look-ups that have not begun
  std::size_t threads_ = 0;
};

lookup_pool::lookup_pool(function look_up, lookup_bounds bounds)
    : implementation_(std::make_shared<implementation>(std::move(look_up), bounds)) {}

lookup_pool::~lookup_pool() = default;

// Never destroyed, because a connection in a static object may still use it.
lookup_pool& lookup_pool::of_process() {
  static auto& pool = *std::make_unique<lookup_pool>(ask_system).release();
  return pool;
}

net::awaitable<answer> lookup_pool::resolve(std::string host) {
  if (auto known = literal(host)) co_return std::move(*known);
  co_return co_await implementation::wait(implementation_, std::move(host));
}

// The caller's coroutines share throw_if_cancelled() with this one, so it is left as it was found.
net::awaitable<answer> lookup_pool::implementation::wait(std::shared_ptr<implementation> self,
                                                         std::string name) {
  const auto cancelled = co_await net::this_coro::cancellation_state;
  if (cancelled.cancelled() != net::cancellation_type::none) co_return net::error::operation_aborted;
  const auto me = std::make_shared<asker_type>(co_await net::this_coro::executor);
  auto joined = self->join(name, me);
  if (joined.has_error()) co_return joined.error();
  const place here(*self, std::move(*joined), *me);
  const bool throws = co_await net::this_coro::throw_if_cancelled();
  co_await net::this_coro::throw_if_cancelled(false);
  auto told = co_await me->wait();
  co_await net::this_coro::throw_if_cancelled(throws);
  if (!told) co_return net::error::operation_aborted;
  co_return std::move(*told);
}

result<lookup_pool::implementation::lookup_ptr> lookup_pool::implementation::join(
    const std::string& name, const std::shared_ptr<asker_type>& me) {
  const std::lock_guard lock(mutex_);
  auto& known = of_name_[name];
  auto one = joinable(known);
  if (!one) {
    one = std::make_shared<lookup>(lookup{.name = name});
    known.push_back(one);
    queue_.push_back(one);
    if (const auto failed = start_thread()) {
      forget(one);
      return failed;
    }
  }
  one->askers.emplace_back(me);
  return one;
}

// A second look-up beside one that hangs may succeed (a packet was lost, a server has come back). But a name
// that hangs again and again must leave threads to other names.
lookup_pool::implementation::lookup_ptr lookup_pool::implementation::joinable(
    const std::vector<lookup_ptr>& of_name) const {
  if (of_name.empty()) return nullptr;
  const auto& youngest = of_name.back();
  const bool fresh = !youngest->began || steady::now() - *youngest->began < bounds_.shared_for;
  const bool crowded = of_name.size() >= bounds_.per_name || threads_ >= bounds_.threads / 2;
  return fresh || crowded ? youngest : nullptr;
}

// If the system refuses another thread, the running ones do the work.
error_code lookup_pool::implementation::start_thread() {
  if (threads_ >= bounds_.threads) return {};
  const signals_blocked during_start;
  try {
    std::thread([self = shared_from_this()] { self->work(); }).detach();
    ++threads_;
  } catch (const std::system_error& e) {
    if (threads_ == 0) return {e.code().value(), boost::system::system_category()};
  }
  return {};
}

void lookup_pool::implementation::leave(const lookup_ptr& at, const asker_type& who) {
  const std::lock_guard lock(mutex_);
  std::erase_if(at->askers, [&who](const way& each) { return each.leads_to(who); });
  if (!at->began && at->askers.empty()) forget(at);
}

void lookup_pool::implementation::work() {
#ifdef __linux__
  ::pthread_setname_np(::pthread_self(), "holdfast-lookup");
#endif
  std::unique_lock lock(mutex_);
  while (const auto one = next()) {
    lock.unlock();
    const auto told = call(one->name);
    lock.lock();
    const auto askers = finish(one, told.has_value());
    lock.unlock();
    for (const auto& each : askers) each.tell(told);
    lock.lock();
  }
  --threads_;
}

answer lookup_pool::implementation::call(const std::string& name) const noexcept {
  try {
    return look_up_(name);
  } catch (const boost::system::system_error& e) {
    return e.code();
  } catch (...) {
    return error_code(net::error::no_recovery);
  }
}

lookup_pool::implementation::lookup_ptr lookup_pool::implementation::next() {
  while (!queue_.empty()) {
    const auto one = queue_.front();
    queue_.pop_front();
    one->began = steady::now();
    if (!one->askers.empty()) return one;
    forget(one);  // another look-up of the name has answered all its askers
  }
  return nullptr;
}

// Returns the askers to answer. Addresses go to all askers of the name, a failure only to those of this
// look-up.
std::vector<lookup_pool::implementation::way> lookup_pool::implementation::finish(const lookup_ptr& done,
                                                                                  bool found) {
  auto askers = std::exchange(done->askers, {});
  if (found) {
    for (const auto& other : of_name_[done->name]) {
      std::ranges::move(std::exchange(other->askers, {}), std::back_inserter(askers));
    }
  }
  forget(done);
  return askers;
}

void lookup_pool::implementation::forget(const lookup_ptr& one) {
  std::erase(queue_, one);
  const auto known = of_name_.find(one->name);
  if (known == of_name_.end()) return;
  std::erase(known->second, one);
  if (known->second.empty()) of_name_.erase(known);
}

}  // namespace holdfast
