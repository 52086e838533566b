// :dial — from a URL to an open web-socket: resolve, connect, upgrade. One attempt, one object.
// Keeps no time: it says which stage it is in and until when, and the actor abandons it at that moment.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

module holdfast:dial;

import :backoff;
import :dial_memory;
import :error;
import :network;
import :options;
import :state;
import :time;
import :upgrade;

namespace holdfast {

// What a successful attempt hands to the session.
struct opened_socket {
  transport stream;
  std::string endpoint;
  std::string first_bytes{};  // of frames that came with the answer
  std::optional<agreed_compression> compression{};
};

// On the strand of the actor; shared by the actor and its own coroutine, because either may end first.
class dial_attempt : public std::enable_shared_from_this<dial_attempt> {
 public:
  dial_attempt(std::shared_ptr<const options> given, target to, std::shared_ptr<dial_memory> memory)
      : options_(std::move(given)),
        target_(std::move(to)),
        memory_(std::move(memory)),
        deadline_(clock::now() + options_->deadlines.attempt) {}

  // Runs the attempt on `strand`, and calls `on_progress` when the stage changes and when it is over.
  void start(const net::any_io_executor& strand, std::function<void()> on_progress);
  // Gives up: what is in progress is cancelled, what comes later is dropped. `why` becomes the reason.
  void abandon(error_code why);

  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] clock::time_point deadline() const noexcept { return stage_deadline_; }
  // After it is over: the socket, or the reason for which there is none.
  std::optional<opened_socket> take_socket() { return std::exchange(socket_, std::nullopt); }
  [[nodiscard]] const attempt_record& record() const noexcept { return record_; }

 private:
  net::awaitable<void> run();
  net::awaitable<std::optional<std::vector<endpoint>>> resolve();
  net::awaitable<std::optional<endpoint>> connect(std::vector<endpoint> addresses);
  net::awaitable<std::optional<std::string>> upgrade();
  net::awaitable<std::optional<http_head>> read_head();
  void enter(stage next, milliseconds limit);
  void fail(error_code why);
  void take_exception(const std::exception_ptr& thrown);

  const std::shared_ptr<const options> options_;
  const target target_;
  const std::shared_ptr<dial_memory> memory_;  // shared with the actor
  const clock::time_point deadline_;
  clock::time_point stage_deadline_{};
  std::function<void()> on_progress_;
  net::cancellation_signal cancel_;
  std::optional<transport> stream_;
  std::optional<agreed_compression> compression_;
  std::optional<opened_socket> socket_;
  attempt_record record_;
  bool over_ = false;
};

}  // namespace holdfast
