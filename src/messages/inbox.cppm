// :inbox — messages between the session that reads them and the program that receives them; bounded, any
// thread. Outlives sessions: what was read can be received after the link is gone.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

module holdfast.core:inbox;

import :authority;
import :completion;
import :counter;
import :error;
import :executors;
import :limits;
import :message;
import :stats;
import :wakeup;

namespace holdfast {

class message_handler;

class inbox : public std::enable_shared_from_this<inbox> {
 public:
  using single = pending_operation<error_code, message>;
  using batch = pending_operation<error_code, message_batch>;

  inbox(const limit_options& limits, std::shared_ptr<const executors> where)
      : message_limit_(limits.inbound_messages),
        byte_limit_(limits.inbound_bytes),
        where_(std::move(where)),
        room_(where_->strand) {}

  // Any thread. The message or messages that wait, or the next to come.
  void receive(single op);
  void receive(batch op);
  // Any thread. The same for a coroutine that need not suspend for what waits already. Empty: nothing does,
  // or others are to have a turn first; then receive() is to be called.
  std::optional<message> take_one();
  std::optional<message_batch> take_all();
  // Nothing more will come: what waits can still be received, then `why`.
  void finish(error_code why);
  // Any thread. From now on `next` is the one; returns the one before, which has still to be retired.
  std::shared_ptr<message_handler> exchange_handler(std::shared_ptr<message_handler> next) {
    const std::lock_guard lock(mutex_);
    handler_waits_ = false;
    return std::exchange(handler_, std::move(next));
  }
  // Null if there is none.
  [[nodiscard]] std::shared_ptr<message_handler> handler() {
    const std::lock_guard lock(mutex_);
    return handler_;
  }
  // The handler. Takes all that waits, which is what follows the empty `into`; false: nothing does, and the
  // handler will be called when something has come.
  bool take(message_batch& into);
  // `rest` has not been handled, and nothing is wanted any more. True: the handler was to be called.
  bool take_back(message_batch& rest);
  // Drops the receivers without completing them: the context has ended.
  void forget_receivers();

  // Before run(): nothing is handed to the program unless `given` holds.
  void depend_on(std::shared_ptr<const authority> given) {
    const std::lock_guard lock(mutex_);
    permission_.depend_on(std::move(given));
  }
  // The authority holds again: what waits is handed over.
  void look_again();
  // It is gone for good: what waits is dropped. Returns how many messages.
  std::size_t drop_all();
  // How many messages have come so far, and whether the program has taken so many of them and asked for more.
  [[nodiscard]] std::uint64_t mark() const noexcept { return received_.read(); }
  [[nodiscard]] bool is_done_with(std::uint64_t mark);

  // The session, on the strand. How much it may put now; zero messages: it must stop reading.
  struct space {
    std::size_t messages;
    std::size_t bytes;
  };
  [[nodiscard]] space room();
  // Hands over all of `messages` and leaves it empty.
  void put(message_batch& messages);
  // Adds what it has counted since it was made. Any thread, without a lock.
  void add_to(connection_stats& out) const {
    const auto unread = unread_.read();
    out += connection_stats{.messages_received = received_.read(),
                            .unread_messages = unread,
                            .most_unread_messages = most_unread_.read(),
                            .payload_bytes_received = received_bytes_.read()};
  }
  // Returns when there is room again, or after cancel_wait().
  net::awaitable<void> wait_for_room();
  void cancel_wait() { room_.notify(); }
  // Returns after cancel_wait().
  net::awaitable<void> wait_for_wake() { return room_.wait(); }

 private:
  using receiver = std::variant<single, batch>;
  struct waiting {
    std::uint64_t id;
    receiver op;
  };
  template <class Operation>
  void start(Operation op);
  [[nodiscard]] bool may_take_at_once();
  void asks_for_more() noexcept { done_ = received_.read() - messages_.size(); }
  static void satisfy(receiver& op, message_batch& from);
  void cancel(std::uint64_t id);
  void wake_reader();
  void serve_receivers(message_batch& from);
  // With why_finished_.
  void complete_receivers();

  const std::size_t message_limit_;
  const std::size_t byte_limit_;
  const std::shared_ptr<const executors> where_;  // shared with the whole connection
  counter received_;                              // messages; changed under the lock, as are the next
  counter received_bytes_;
  counter unread_;
  counter most_unread_;
  std::mutex mutex_;
  message_batch messages_;
  std::vector<waiting> receivers_;
  std::uint64_t last_id_ = 0;
  std::uint64_t done_ = 0;  // messages that the program had taken when it asked for more
  int taken_at_once_ = 0;   // since a receiver has suspended
  permission permission_;
  bool finished_ = false;
  error_code why_finished_;
  bool reader_waits_ = false;
  bool handler_waits_ = false;
  std::shared_ptr<message_handler> handler_{};
  wakeup room_;
};

}  // namespace holdfast
