// :v1_sockets — the sockets of a server of "holdfast.v1". What a client says is looked up or written down in
// the memory; what the server says waits in a queue of its socket, so that any thread may say it.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

module holdfast.testing:v1_sockets;

import holdfast;
import holdfast.wire;
import :server;
import :v1_memory;
import :v1_server;
import :v1_wire;

namespace holdfast::testing {

// One socket. The timers, and the end, belong to its strand; the rest is guarded by the server's mutex.
struct v1_link {
  v1_link(std::shared_ptr<server_session> on, net::any_io_executor its_strand)
      : socket(std::move(on)), strand(std::move(its_strand)), login_due(strand), lift_due(strand) {}

  const std::shared_ptr<server_session> socket;  // shared with the server that accepted it
  const net::any_io_executor strand;
  timer login_due;
  timer lift_due;  // the next throttled feature is over
  bool closing = false;

  std::deque<std::optional<std::string>> outgoing{};  // empty: hang up
  std::optional<v1_hello> hello{};
  clock::time_point login_at{};           // it is answered then
  std::shared_ptr<v1_session> session{};  // once it is ready; shared with the memory
  std::uint64_t last_id = 0;              // of the messages on this socket
  std::uint64_t last_ping = 0;
  std::uint64_t acknowledged_id = 0;
};

struct v1_server::implementation : std::enable_shared_from_this<implementation> {
  enum class verdict { goes_on, is_dropped, has_broken_rules };
  using link_ptr = std::shared_ptr<v1_link>;
  struct throttled : v1_throttled {
    std::optional<clock::time_point> until{};
  };

  // Whether the upgrade is refused; on any thread.
  std::optional<http_answer> judge(const http_head& request);
  net::awaitable<void> serve(server_session& socket);
  net::awaitable<void> converse(link_ptr on);
  // Beside it, on the same strand.
  using routine = net::awaitable<void> (implementation::*)(link_ptr);
  void start(const link_ptr& on, routine what);
  net::awaitable<void> write_all(link_ptr to);
  net::awaitable<void> welcome_in_time(link_ptr whom);
  net::awaitable<void> lift_in_time(link_ptr to);

  verdict take(const link_ptr& from, const v1_client_frame& frame);
  verdict take_hello(const link_ptr& from, const v1_hello& hello);
  verdict take_message(const link_ptr& from, v1_message given);

  // The following are called under the mutex.
  verdict breaks(std::string problem);
  void welcome(const link_ptr& whom);
  void acknowledge(const link_ptr& to);
  void say(const link_ptr& to, std::optional<std::string> frame);
  void say_throttled(const link_ptr& to);

  std::mutex mutex;
  v1_memory memory;
  std::vector<link_ptr> links;  // in the order in which they were opened
  std::vector<v1_hello> hellos;
  std::vector<std::string> violations;
  std::size_t arrivals = 0;
  std::size_t resumes = 0;

  gate on_hello;
  message_handler on_message;
  std::vector<throttled> features;
  std::optional<std::chrono::milliseconds> heartbeat;
  clock::duration login_delay{};
  bool never_answers_logins = false;
  bool holds_acks = false;
  bool answers_pings = true;
  std::size_t drops = 0;  // so many messages are answered by the end of the socket
};

}  // namespace holdfast::testing
