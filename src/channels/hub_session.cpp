// The side of the session: what the dialect finds in the frames of the server, and what is asked of it. On
// the connection's strand.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.channels;

import holdfast.core;
import :channel_hub;

namespace holdfast::channels {
namespace {

constexpr std::size_t most_text_bytes = 200;

}  // namespace

// What is to be done with the session once the lock is released: that may lead to the program's log function.
struct channel_hub::wishes {
  std::vector<std::string> frames{};   // of the protocol
  std::vector<std::string> answers{};  // messages, whose number is bounded
  std::uint64_t session = 0;           // that asked for them
  std::optional<login_result> ready{};
  std::optional<clock::duration> silence{};
  std::optional<clock::duration> heartbeat{};
  bool answered = false;
  std::optional<protocol_failure> failure{};
  std::optional<std::pair<std::string, clock::duration>> departure{};
  std::optional<bool> read{};
  std::optional<std::vector<throttled_feature>> throttle{};
  clock::time_point wake_at = clock::time_point::max();
  requests calls{};

  void carry_out(protocol_link& link) {
    for (const auto& each : frames) {
      if (!each.empty()) link.send(message_kind::text, each);
    }
    if (silence) link.expect_within(*silence);
    if (heartbeat) link.heartbeat_every(*heartbeat, *heartbeat);
    if (answered) link.heartbeat_answered();
    if (read) link.read(*read);
    if (throttle) link.throttle(std::move(*throttle));
    link.wake_at(wake_at);
    if (ready) link.ready(*ready);
    if (departure) link.go_away(std::move(departure->first), departure->second, {});
    if (failure) link.fail(std::move(*failure));
  }
};

// Lives during one call of the dialect, with the hub's lock held.
class channel_hub::session_events final : public dialect_events {
 public:
  session_events(channel_hub& hub, wishes& wanted) : hub_(hub), wanted_(wanted) {}

  void send(std::string_view frame) override { wanted_.frames.emplace_back(frame); }
  void ready(bool resumed) override {
    if (hub_.session_ != 0) return;
    hub_.session_ = hub_.opened_;
    hub_.channels_.session_ready(resumed);
    wanted_.ready = login_result{.resumed = resumed};
  }
  [[nodiscard]] bool is_channel(std::uint64_t id) const override {
    return hub_.channels_.by_id(id) != nullptr;
  }
  [[nodiscard]] bool is_channel(std::string_view alias) const override {
    return hub_.channels_.by_alias(alias) != nullptr;
  }
  void reply(std::uint64_t id, json::value value, std::vector<std::string> attachments) override {
    if (const auto given_up = hub_.given_up_.find(id); given_up != hub_.given_up_.end()) {
      leave_given_up(id, *given_up->second, value);
      hub_.given_up_.erase(given_up);
    } else if (const auto one = hub_.channels_.by_id(id)) {
      auto said = hub_.dialect_->read_reply(one->name, value);
      if (said.refusal) return hub_.channels_.refused(one, std::move(*said.refusal), true, clock::now());
      hub_.channels_.accepted(one, std::move(said.alias), said.how, true);
    } else {
      hub_.calls_.answer(id, std::move(value), std::move(attachments));  // a late answer is nobody's
    }
  }
  void refuse(std::uint64_t id, call_error why, bool permanent) override {
    hub_.given_up_.erase(id);
    if (const auto one = hub_.channels_.by_id(id)) {
      hub_.channels_.refused(one, std::move(why), permanent, clock::now());
    } else {
      hub_.calls_.refuse(id, std::move(why));
    }
  }
  void subscribed(channel_reference to, channels::subscribed how) override {
    const auto one = find(to);
    if (one && !is_of_before(*one)) hub_.channels_.accepted(one, {}, how, true);
  }
  void publish(channel_reference to, channels::event what, std::string_view position,
               std::size_t size) override {
    const auto one = find(to);
    if (!one || is_of_before(*one)) return;
    if (one->state == subscription_state::subscribing)
      hub_.channels_.accepted(one, {}, {}, true);  // it says so
    subscription_table::has_worked(*one);
    if (!position.empty()) one->position = position;
    const auto bytes = size == 0 ? hub_.frame_bytes_ : size;
    std::vector<std::shared_ptr<item_queue>> too_slow;
    const auto push = [&](const std::shared_ptr<item_queue>& into, channels::event mine) {
      if (!into->push(std::move(mine), std::string(position), bytes)) too_slow.push_back(into);
      if (into->holds_socket()) hub_.holds_socket_ = true;
    };
    const auto& last = one->subscribers.back();  // the others get copies
    for (const auto& each : one->subscribers) {
      if (each != last) push(each, what);
    }
    push(last, std::move(what));
    for (const auto& each : too_slow) hub_.drop(one, each);
  }
  void unsubscribed(channel_reference to, std::optional<call_error> why, bool will_return) override {
    const auto one = find(to);
    if (!one) return;
    if (will_return) return hub_.channels_.lost(one, error::server_going_away, clock::now());
    if (why && one->state == subscription_state::subscribing)  // the protocol has no reply for it
      return hub_.channels_.refused(one, std::move(*why), true, clock::now());
    const auto how = why ? subscription_end::refused : subscription_end::completed;
    hub_.channels_.completed(one, how, why ? std::move(*why) : call_error());
  }
  void call(std::string_view id, std::string_view method, json::value params,
            std::vector<std::string> attachments) override {
    server_call asked{.id = std::string(id),
                      .method = std::string(method),
                      .params = std::move(params),
                      .attachments = std::move(attachments),
                      .session = hub_.opened_};
    if (hub_.on_call_) {
      net::post(hub_.executor_, [weak = hub_.weak_from_this(), asked = std::move(asked)]() mutable {
        if (const auto alive = weak.lock()) alive->hand_over(std::move(asked));
      });
    } else if (!asked.id.empty()) {  // the program has no methods
      const call_error none{.code = std::string(method_not_found), .text = "no such method"};
      if (auto frame = hub_.dialect_->answer(asked.id, {}, &none))
        wanted_.answers.push_back(std::move(*frame));
    }
  }
  void expect_within(clock::duration silence) override { wanted_.silence = silence; }
  void heartbeat_every(clock::duration interval) override { wanted_.heartbeat = interval; }
  void heartbeat_answered() override { wanted_.answered = true; }
  void go_away(std::string reason, clock::duration wait) override {
    wanted_.departure.emplace(one_line(reason, most_text_bytes), wait);
  }
  // The words may be the server's.
  void fail(protocol_failure why) override {
    why.text = one_line(why.text, most_text_bytes);
    wanted_.failure = std::move(why);
  }

 private:
  // Of the subscription before, if the server has not been asked for this one yet.
  [[nodiscard]] bool is_of_before(const subscription_table::entry& one) const {
    if (one.state != subscription_state::subscribing || !hub_.dialect_->asks_for_channels()) return false;
    return one.id == 0 || hub_.fetches_.contains(one.id);
  }
  // Only now its name is known, by which the server can be told that the channel is not wanted any more.
  void leave_given_up(std::uint64_t id, const subscription_table::entry& one, const json::value& reply) {
    auto said = hub_.dialect_->read_reply(one.name, reply);
    if (said.refusal) return;
    auto left = one;
    left.alias = std::move(said.alias);
    wanted_.frames.push_back(hub_.farewell_to(left, id));
  }
  [[nodiscard]] subscription_table::pointer find(channel_reference to) const {
    return to.id != 0 ? hub_.channels_.by_id(to.id) : hub_.channels_.by_alias(to.alias);
  }

  channel_hub& hub_;
  wishes& wanted_;
};

// Calls `work` with the lock held, and carries out the wishes that it leaves after the lock is released.
template <class Work>
void channel_hub::with_session(protocol_link& link, Work work) {
  wishes wanted;
  {
    const std::lock_guard lock(mutex_);
    session_events events(*this, wanted);
    work(events, wanted);
    ask_for_channels(wanted);
    if (holds_socket_) {
      holds_socket_ = channels_.any_holds_socket();
      wanted.read = !holds_socket_;
    }
    wanted.session = opened_;
    wanted.calls = take_requests();  // an answer may let the next one leave
    if (is_throttle_new()) {
      throttled_ = !throttled_;
      wanted.throttle.emplace();
      if (throttled_) wanted.throttle->push_back({std::string(calls_feature), "messages_per_second", {}});
    }
  }
  wanted.carry_out(link);
  for (auto& each : wanted.answers) send(std::move(each), {.session = wanted.session}, {});
  send_all(std::move(wanted.calls));
  close_if_drained();
}

void channel_hub::opened(protocol_link& link, const session_facts& session) {
  with_session(link, [&](session_events& events, wishes&) {
    opened_ = session.number;
    waker_ = link.waker();
    farewells_.clear();
    given_up_.clear();
    holds_socket_ = false;
    dialect_->opened(session, events);
  });
}

void channel_hub::received(protocol_link& link, message_view frame) {
  with_session(link, [&](session_events& events, wishes&) {
    frame_bytes_ = frame.payload.size();
    dialect_->received(frame, events);
  });
}

void channel_hub::woken(protocol_link& link) {
  with_session(link, [](session_events&, wishes&) {});
}

void channel_hub::heartbeat(protocol_link& link) {
  with_session(link, [&](session_events&, wishes& wanted) {
    if (auto frame = dialect_->heartbeat(); !frame.empty()) wanted.frames.push_back(std::move(frame));
  });
}

end_verdict channel_hub::ended(const session_end& how) {
  requests again;
  end_verdict verdict;
  {
    const std::lock_guard lock(mutex_);
    session_ = 0;
    farewells_.clear();
    cancel_fetches();
    throttled_ = false;
    calls_.session_ended(how.number, how.reason.error);
    channels_.session_ended(how.reason.error);
    again = take_requests();
    try {
      verdict = dialect_->ended(how);
    } catch (...) {
      verdict = {};  // one of the program's own; the retry policy decides
    }
  }
  send_all(std::move(again));
  close_if_drained();
  return verdict;
}

// A handler may own anything, also a subscription, which takes the lock when it is destroyed.
void channel_hub::context_ends() noexcept {
  std::vector<item_queue::receivers> receivers;
  const auto calls = [&] {
    const std::lock_guard lock(mutex_);
    receivers = channels_.take_receivers();
    return calls_.take_all();
  }();
}

void channel_hub::ask_for_channels(wishes& wanted) {
  if (session_ == 0) return;
  const auto now = clock::now();
  // First, so that a channel that was left and is wanted again is asked for behind its farewell.
  for (auto& each : std::exchange(farewells_, {})) wanted.frames.push_back(std::move(each));
  // While the socket is held, the answers may lie there unread.
  if (holds_socket_) channels_.be_patient(now);
  for (const auto& each : channels_.take_overdue(now)) {
    wanted.frames.push_back(give_up(each, each->id, true));
    channels_.refused(each, {}, false, now);
  }
  while (const auto one = channels_.take_next(now, last_id_ + 1)) {
    ++last_id_;
    ask_for(one, wanted);
  }
  wanted.wake_at = channels_.next_time();
}

void channel_hub::ask_for(const subscription_table::pointer& one, wishes& wanted) {
  if (dialect_->needs_token(one->name)) return ask_for_token(one);
  wanted.frames.push_back(request_of(one, {}));
}

// Empty: nothing is to be sent, or the channel is refused.
std::string channel_hub::request_of(const subscription_table::pointer& one, const channel_token& by) {
  const channel_request channel{.name = one->name,
                                .params = one->params,
                                .position = one->position,
                                .alias = {},
                                .token = by.token,
                                .token_data = by.data};
  auto frame = dialect_->subscribe(one->id, channel);
  if (frame.has_error()) {
    channels_.completed(one, subscription_end::refused, {.text = frame.error().message()});
    return {};
  }
  // RFC 6455 section 8.1: the server would close the connection.
  if (!is_valid_utf8(*frame)) {
    channels_.completed(one, subscription_end::refused, {.text = "the name or the parameters are not UTF-8"});
    return {};
  }
  const bool is_confirmed = !frame->empty() && dialect_->confirms();
  channels_.set_alias(one, dialect_->alias_of(channel));
  if (!is_confirmed) channels_.accepted(one, {}, {}, false);
  return std::move(*frame);
}

void channel_hub::drop(const subscription_table::pointer& from,
                       const std::shared_ptr<item_queue>& subscriber) {
  const auto id = from->id;
  const bool waits = from->state == subscription_state::subscribing;
  if (const auto left = channels_.leave(from, subscriber)) say_later(give_up(left, id, waits));
  wake();
}

// Returns what has to be said of it now. Where that is nothing, because the server's name for it is not known
// before its answer (`waits`), it is said when that has come.
std::string channel_hub::give_up(const subscription_table::pointer& one, std::uint64_t id, bool waits) {
  if (cancel_fetch(id)) return {};  // the server was not asked yet
  auto frame = farewell_to(*one, id);
  if (frame.empty() && waits) given_up_.emplace(id, one);
  return frame;
}

// Empty: nothing has to be said.
std::string channel_hub::farewell_to(const subscription_table::entry& one, std::uint64_t id) const {
  auto frame =
      dialect_->unsubscribe(id, {.name = one.name, .params = one.params, .position = {}, .alias = one.alias});
  return frame ? std::move(*frame) : std::string();
}

}  // namespace holdfast::channels
