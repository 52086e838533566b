// An ephemeral push consumer without acknowledgements, and with a heartbeat of the server: a message that is
// missing shows in the numbers of the next, and in those of the heartbeat.
module;
#include <algorithm>
#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

module holdfast.fleet_core;

import :entry_names;
import :nats_watch;

namespace holdfast::fleet {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t heartbeat_ns = 1'000'000'000;
constexpr clock::duration longest_silence = 3500ms;
constexpr clock::duration pause_between_tries = 500ms;

// "$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>", perhaps
// with the domain and the account behind "ACK" (ADR-15).
struct delivery_facts {
  std::uint64_t revision = 0;
  std::uint64_t number = 0;  // of this consumer
  std::uint64_t pending = 0;
};
std::optional<delivery_facts> facts_in(std::string_view reply_to) {
  std::array<std::string_view, 12> parts{};
  std::size_t count = 0;
  while (count < parts.size()) {
    const auto end = std::min(reply_to.find('.'), reply_to.size());
    parts[count++] = reply_to.substr(0, end);
    if (end == reply_to.size()) break;
    reply_to.remove_prefix(end + 1);
  }
  if (count < 9 || parts[0] != "$JS" || parts[1] != "ACK") return std::nullopt;
  const std::size_t first = count == 9 ? 5 : 7;
  const auto number = [&](std::size_t at) {
    std::uint64_t out = 0;
    std::from_chars(parts[at].data(), parts[at].data() + parts[at].size(), out);
    return out;
  };
  return delivery_facts{.revision = number(first), .number = number(first + 1), .pending = number(first + 3)};
}

class bucket_watch : public std::enable_shared_from_this<bucket_watch> {
 public:
  bucket_watch(std::shared_ptr<nats_link> link, nats_bucket bucket, std::string prefix, watcher on,
               const net::any_io_executor& where)
      : link_(std::move(link)),
        bucket_(std::move(bucket)),
        prefix_(std::move(prefix)),
        on_(std::move(on)),
        strand_(net::make_strand(where)),
        wake_(strand_) {}

  void start() {
    net::co_spawn(strand_, [self = shared_from_this()] { return self->live(); }, net::detached);
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);  // waits for a function that runs on another thread
      is_over_ = true;
    }
    net::post(strand_, [self = shared_from_this()] { self->wake_.cancel(); });
  }

 private:
  [[nodiscard]] bool is_over() {
    const std::lock_guard lock(mutex_);
    return is_over_;
  }
  template <class Function, class... Arguments>
  void call(const Function& function, Arguments&&... arguments) {
    const std::lock_guard lock(mutex_);
    if (!is_over_ && function) function(std::forward<Arguments>(arguments)...);
  }

  net::awaitable<void> live() {
    while (!is_over()) {
      begin();
      while (!is_over() && !is_broken_ && clock::now() < heard_at_ + longest_silence)
        co_await wake_.async_wait_until(heard_at_ + longest_silence, net::as_tuple(net::deferred));
      if (is_over()) break;
      subscription_.reset();
      if (std::exchange(was_well_, false)) call(on_.on_lost, make_error_code(error::unavailable));
      co_await wake_.async_wait_until(clock::now() + pause_between_tries, net::as_tuple(net::deferred));
    }
    subscription_.reset();
  }

  void begin() {
    is_broken_ = false;
    heard_at_ = clock::now();
    delivered_ = 0;
    caught_up_ = false;
    const auto generation = ++generation_;
    const auto inbox = link_->new_inbox();
    subscription_ = link_->subscribe(inbox, [weak = weak_from_this(), generation](nats_message message) {
      const auto self = weak.lock();
      if (!self) return;
      net::post(self->strand_, [self, generation, message = std::move(message)]() mutable {
        if (self->generation_ == generation) self->received(std::move(message));
      });
    });
    const json::object config{{"deliver_subject", inbox},
                              {"deliver_policy", "last_per_subject"},
                              {"ack_policy", "none"},
                              {"max_deliver", 1},
                              {"filter_subject", bucket_.subjects + ">"},
                              {"headers_only", true},
                              {"idle_heartbeat", heartbeat_ns},
                              {"mem_storage", true},
                              {"num_replicas", 1}};
    const json::object asked{{"stream_name", bucket_.stream}, {"config", config}};
    const auto sent =
        link_->request("$JS.API.CONSUMER.CREATE." + bucket_.stream, json::serialize(asked), {},
                       [weak = weak_from_this(), generation](nats_message answer) {
                         const auto self = weak.lock();
                         if (!self) return;
                         net::post(self->strand_, [self, generation, answer = std::move(answer)] {
                           if (self->generation_ == generation) self->created(answer);
                         });
                       });
    if (!sent) is_broken_ = true;
  }

  // The answer says how much there is at first: with nothing, all has been given.
  void created(const nats_message& answer) {
    boost::system::error_code failed;
    const auto read = json::parse(answer.payload, failed);
    const auto* object = failed ? nullptr : read.if_object();
    const bool is_error = answer.status != 0 || object == nullptr || object->contains("error");
    if (is_error) return broken();
    const auto* pending = object->if_contains("num_pending");
    const auto count = pending != nullptr ? pending->to_number<std::uint64_t>(failed) : 0;
    if (count == 0 && delivered_ == 0) has_caught_up();
  }

  void received(nats_message message) {
    heard_at_ = clock::now();
    if (message.status == 100) {  // a heartbeat
      if (message.last_delivered != delivered_) broken();
      return;
    }
    const auto facts = facts_in(message.reply_to);
    if (!facts || facts->number != delivered_ + 1) return broken();
    delivered_ = facts->number;
    const auto name =
        std::string_view(message.subject).substr(std::min(bucket_.subjects.size(), message.subject.size()));
    // What others have written has no such line, and cannot be read as an entry of ours.
    auto line = from_header(message.first_line).value_or(std::string());
    if (name.starts_with(prefix_))
      call(on_.on_entry, entry{std::string(name), std::move(line), facts->revision});
    if (facts->pending == 0 && !caught_up_) has_caught_up();
  }
  void has_caught_up() {
    caught_up_ = was_well_ = true;
    call(on_.on_caught_up);
  }
  void broken() {
    is_broken_ = true;
    wake_.cancel();
  }

  const std::shared_ptr<nats_link> link_;
  const nats_bucket bucket_;
  const std::string prefix_;
  const watcher on_;
  const net::any_io_executor strand_;
  timer wake_;
  std::unique_ptr<registration> subscription_;
  clock::time_point heard_at_{};
  std::uint64_t generation_ = 0;
  std::uint64_t delivered_ = 0;
  bool is_broken_ = false;
  bool caught_up_ = false;
  bool was_well_ = false;
  std::recursive_mutex mutex_;  // a function of the watcher may destroy the registration
  bool is_over_ = false;
};

class ends_watch final : public registration {
 public:
  explicit ends_watch(std::shared_ptr<bucket_watch> of) : of_(std::move(of)) {}
  ends_watch(const ends_watch&) = delete;
  ends_watch& operator=(const ends_watch&) = delete;
  ~ends_watch() override { of_->stop(); }

 private:
  const std::shared_ptr<bucket_watch> of_;  // shared with its coroutine
};

}  // namespace

std::unique_ptr<registration> watch_bucket(std::shared_ptr<nats_link> link, nats_bucket bucket,
                                           std::string prefix, watcher on, net::any_io_executor where) {
  const auto made = std::make_shared<bucket_watch>(std::move(link), std::move(bucket), std::move(prefix),
                                                   std::move(on), where);
  made->start();
  return std::make_unique<ends_watch>(made);
}

}  // namespace holdfast::fleet
