// :channel_hub — what a client, its subscriptions and its session share: the calls, the channels, the
// dialect, and the one lock that guards them. Speaks through the connection: calls as messages, whose fate it
// learns; requests for channels as frames of the protocol, so that they belong to the session that they are
// made in.
module;
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.channels:channel_hub;

import holdfast.core;
import :attached_frame;
import :call;
import :call_table;
import :channel_token;
import :client_options;
import :dialect;
import :item_queue;
import :subscription_item;
import :subscription_table;

namespace holdfast::channels {

namespace net = boost::asio;

// A call of the server, as the program gets it.
struct server_call {
  std::string id{};  // empty: no answer is wanted
  std::string method{};
  json::value params{};
  std::vector<std::string> attachments{};
  std::uint64_t session = 0;
};

class channel_hub : public std::enable_shared_from_this<channel_hub> {
 public:
  using call_handler = std::function<void(server_call)>;
  using attachment_list = std::span<const std::string>;

  channel_hub(net::any_io_executor executor, std::unique_ptr<dialect> spoken, client_options how,
              std::unique_ptr<journal> log);

  // Before anything else; the hub speaks through it until abandon().
  void attach(std::shared_ptr<connection> conn);
  [[nodiscard]] const net::any_io_executor& executor() const noexcept { return executor_; }
  [[nodiscard]] std::shared_ptr<connection> conn() const;
  // The connection has ended.
  void finish(error_code why);
  // No more calls: closes the connection once those under way have ended.
  void drain();
  // The client is gone: everything ends now.
  void abandon();

  // Any thread.
  void call(std::string_view method, const json::value& params, const call_options& how,
            call_table::operation op);
  void notify(std::string_view method, const json::value& params,
              net::any_completion_handler<void(send_result)> handler);
  void publish(const channel_request& channel, const json::value& data, const publish_options& how,
               net::any_completion_handler<void(send_result)> handler);
  void answer(const server_call& to, const json::value& value, const call_error* error,
              attachment_list attachments);
  void set_call_handler(call_handler handler);
  subscription_table::pointer join(std::string_view name, const subscribe_options& how,
                                   const std::shared_ptr<item_queue>& subscriber);
  void leave(const subscription_table::pointer& from, const std::shared_ptr<item_queue>& subscriber);
  void receive(const std::shared_ptr<item_queue>& from, item_queue::operation op);
  // Empty: nothing waits, or others are to have a turn first.
  std::optional<item> take(const std::shared_ptr<item_queue>& from);
  [[nodiscard]] std::string position_of(const item_queue& one) const;
  [[nodiscard]] subscription_state state_of(const subscription_table::entry& one) const;

  // The session, on the connection's strand.
  void opened(protocol_link& link, const session_facts& session);
  void received(protocol_link& link, message_view frame);
  void woken(protocol_link& link);
  void heartbeat(protocol_link& link);
  void context_ends() noexcept;
  end_verdict ended(const session_end& how);

 private:
  struct wishes;
  class session_events;
  friend class session_events;
  struct token_fetch;
  using requests = std::vector<call_table::request>;

  void send(std::string frame, send_options how, net::any_completion_handler<void(send_result)> handler);
  [[nodiscard]] error_code why_not_now();
  void send_made(result<std::string> frame, net::any_completion_handler<void(send_result)> handler);
  [[nodiscard]] result<std::string> attach(result<std::string> frame, const json::value& data,
                                           attachment_list attachments) const;
  void send_all(requests ready);
  void sent(std::uint64_t id, const send_result& fate);
  void cancel_call(std::uint64_t id);
  void hand_over(server_call asked);
  void close_if_drained();
  template <class Work>
  void with_session(protocol_link& link, Work work);
  void ask_for_channels(wishes& wanted);
  void ask_for(const subscription_table::pointer& one, wishes& wanted);
  std::string request_of(const subscription_table::pointer& one, const channel_token& by);
  void ask_for_token(const subscription_table::pointer& one);
  void start(std::shared_ptr<token_fetch> fetch);
  void take_token(std::uint64_t id, const std::exception_ptr& thrown, const channel_token& got);
  bool cancel_fetch(std::uint64_t id);
  void cancel_fetches();
  // Called with the lock held.
  void drop(const subscription_table::pointer& from, const std::shared_ptr<item_queue>& subscriber);
  void say_later(std::string farewell);
  std::string give_up(const subscription_table::pointer& one, std::uint64_t id, bool waits);
  [[nodiscard]] std::string farewell_to(const subscription_table::entry& one, std::uint64_t id) const;
  [[nodiscard]] requests take_requests();
  [[nodiscard]] bool is_throttle_new();
  void end_expired();
  void arm_timer();
  void wake() const;
  void took_item();

  const net::any_io_executor executor_;
  const net::any_io_executor strand_;  // of the timer
  mutable std::mutex mutex_;
  const std::unique_ptr<dialect> dialect_;
  const channel_token_provider tokens_;
  const std::unique_ptr<journal> log_;
  std::shared_ptr<connection> conn_;  // null: the client is gone
  call_table calls_;
  subscription_table channels_;
  std::uint64_t last_id_ = 0;
  std::uint64_t opened_ = 0;   // the number of the present session, or of the last
  std::uint64_t session_ = 0;  // the same if it is ready; zero: it is not
  std::function<void()> waker_;
  // Requests for channels that nobody wants any more, which the server has not answered.
  std::unordered_map<std::uint64_t, subscription_table::pointer> given_up_;
  std::unordered_map<std::uint64_t, std::shared_ptr<token_fetch>> fetches_;  // by request
  std::vector<std::string> farewells_;  // unsubscribes, and what else the present session has to say
  call_handler on_call_;
  std::optional<error_code> finished_;
  std::size_t frame_bytes_ = 0;  // of the frame that the dialect reads
  bool holds_socket_ = false;
  bool throttled_ = false;  // calls wait for the pace; the connection has been told
  bool drains_ = false;     // no call is accepted any more
  bool closes_ = false;     // all of them have ended since
  int taken_at_once_ = 0;
  std::atomic<std::uint64_t> last_receive_{0};
  timer timer_;
  clock::time_point armed_ = clock::time_point::max();
};

// What the connection speaks: hands everything to the hub.
class channel_protocol final : public protocol {
 public:
  explicit channel_protocol(std::shared_ptr<channel_hub> hub) : hub_(std::move(hub)) {}
  void opened(protocol_link& link, const session_facts& session) override { hub_->opened(link, session); }
  void received(protocol_link& link, message_view frame) override { hub_->received(link, frame); }
  void woken(protocol_link& link) override { hub_->woken(link); }
  void heartbeat(protocol_link& link) override { hub_->heartbeat(link); }
  void context_ends() noexcept override { hub_->context_ends(); }
  end_verdict ended(const session_end& how) override { return hub_->ended(how); }
  result<std::string> encode(const outgoing_message& message) const override {
    if (!is_whole(message.payload)) return make_error_code(error::message_invalid);  // not from the hub
    return std::string(text_of(message.payload));
  }
  [[nodiscard]] std::vector<std::string> attachments(const outgoing_message& message) const override {
    return attachments_of(message.payload);
  }
  [[nodiscard]] message_kind encoded_kind(message_kind) const noexcept override { return message_kind::text; }

 private:
  const std::shared_ptr<channel_hub> hub_;  // shared with the client
};

}  // namespace holdfast::channels
