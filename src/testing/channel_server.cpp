// Frames are JSON objects, each with one field that says what it is: of the client "call", "subscribe",
// "unsubscribe", "publish", "notify"; of the server "reply", "refuse", "subscribed", "event", "ended",
// "notify". A subscription is named by the number of the request for it.
module;
#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

module holdfast.testing;

import holdfast;
import holdfast.channels;
import :channel_server;

namespace holdfast::testing {
namespace {

namespace net = boost::asio;
namespace json = boost::json;

constexpr std::size_t usually_retained = 100;

json::object error_of(const channels::call_error& why) {
  return {{"code", why.code}, {"text", why.text}, {"data", why.data}};
}

channels::call_error error_in(const json::value& frame) {
  return {.code = std::string(frame.at("code").as_string()),
          .text = std::string(frame.at("text").as_string()),
          .data = frame.at("data")};
}

class channel_dialect final : public channels::dialect {
 public:
  void opened(const session_facts&, channels::dialect_events& events) override { events.ready(false); }
  void received(message_view frame, channels::dialect_events& events) override {
    auto read = json::parse(frame.payload);
    const auto& fields = read.as_object();
    if (const auto* const id = fields.if_contains("reply"))
      return events.reply(id->to_number<std::uint64_t>(), read.at("value"), {});
    if (const auto* const id = fields.if_contains("refuse"))
      return events.refuse(id->to_number<std::uint64_t>(), error_in(read), true);
    if (const auto* const id = fields.if_contains("subscribed")) {
      channels::subscribed how{.recovered = read.at("recovered").as_bool()};
      if (const auto* const missed = fields.if_contains("missed"))
        how.missed = missed->to_number<std::uint64_t>();
      return events.subscribed({.id = id->to_number<std::uint64_t>()}, how);
    }
    if (const auto* const id = fields.if_contains("ended")) {
      const bool returns = read.at("returns").as_bool();
      auto why = fields.contains("code") ? std::optional(error_in(read)) : std::nullopt;
      return events.unsubscribed({.id = id->to_number<std::uint64_t>()}, std::move(why), returns);
    }
    if (const auto* const method = fields.if_contains("notify"))
      return events.call({}, std::string(method->as_string()), read.at("params"), {});
    events.publish({.id = read.at("event").to_number<std::uint64_t>()}, {.data = read.at("data")},
                   std::string(read.at("position").as_string()));
  }
  result<std::string> call(std::uint64_t id, std::string_view method,
                           const json::value& params) const override {
    return json::serialize(json::object{{"call", id}, {"method", method}, {"params", params}});
  }
  result<std::string> notify(std::string_view method, const json::value& params) const override {
    return json::serialize(json::object{{"notify", method}, {"params", params}});
  }
  result<std::string> publish(const channels::channel_request& channel, std::string_view,
                              const json::value& data) const override {
    return json::serialize(json::object{{"publish", channel.name}, {"data", data}});
  }
  result<std::string> subscribe(std::uint64_t id, const channels::channel_request& channel) override {
    return json::serialize(json::object{{"subscribe", id},
                                        {"channel", channel.name},
                                        {"params", channel.params},
                                        {"after", channel.position}});
  }
  result<std::string> unsubscribe(std::uint64_t id, const channels::channel_request&) override {
    return json::serialize(json::object{{"unsubscribe", id}});
  }
};

}  // namespace

class channel_server::implementation : public std::enable_shared_from_this<channel_server::implementation> {
 public:
  struct peer {
    std::shared_ptr<server_session> session;
    net::any_io_executor strand;
    std::map<std::uint64_t, std::string> channels{};  // by request
  };
  struct channel {
    std::uint64_t last = 0;
    std::deque<std::string> events{};  // JSON of the last ones
  };

  static net::awaitable<void> serve(std::shared_ptr<implementation> self, server_session& on) {
    const auto strand = co_await net::this_coro::executor;
    const auto me = std::make_shared<peer>(peer{.session = on.shared_from_this(), .strand = strand});
    const presence here(self, me);
    while (auto next = co_await on.receive()) self->take(*me, json::parse(next->payload));
  }

  void publish(std::string_view name, const json::value& data) {
    const std::lock_guard lock(mutex);
    auto& to = channels[std::string(name)];
    ++to.last;
    to.events.push_back(json::serialize(data));
    while (to.events.size() > retained) to.events.pop_front();
    for (const auto& each : peers) {
      for (const auto& [id, wanted] : each->channels) {
        if (wanted == name) say(*each, event(id, to.last, json::serialize(data)));
      }
    }
  }
  // What one step of this has to say is said in its order: the sends of a socket are started on its strand.
  static void say(const peer& to, std::string text) {
    net::post(to.strand, [strand = to.strand, session = to.session, text = std::move(text)]() mutable {
      net::co_spawn(strand, send(session, std::move(text)), net::detached);
    });
  }
  void end(std::string_view name, const json::object& how) {
    const std::lock_guard lock(mutex);
    for (const auto& each : peers) {
      std::erase_if(each->channels, [&](const auto& one) {
        if (one.second != name) return false;
        auto frame = how;
        frame["ended"] = one.first;
        say(*each, json::serialize(frame));
        return true;
      });
    }
  }

  mutable std::mutex mutex;
  std::vector<std::shared_ptr<peer>> peers;  // shared with their sessions
  std::map<std::string, channel, std::less<>> channels;
  call_handler on_call;
  gate on_subscribe;
  bool confirms = true;
  std::size_t retained = usually_retained;
  std::size_t calls = 0;

 private:
  // A session is there until its script ends, also by what a function of the test throws.
  class presence {
   public:
    presence(std::shared_ptr<implementation> in, std::shared_ptr<peer> who)
        : in_(std::move(in)), who_(std::move(who)) {
      const std::lock_guard lock(in_->mutex);
      in_->peers.push_back(who_);
    }
    ~presence() {
      const std::lock_guard lock(in_->mutex);
      std::erase(in_->peers, who_);
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;

   private:
    const std::shared_ptr<implementation> in_;
    const std::shared_ptr<peer> who_;
  };

  static net::awaitable<void> send(std::shared_ptr<server_session> to, std::string text) {
    co_await to->send(text);
  }
  static std::string event(std::uint64_t id, std::uint64_t number, const std::string& data) {
    return R"({"event":)" + std::to_string(id) + R"(,"position":")" + std::to_string(number) +
           R"(","data":)" + data + '}';
  }

  void take(peer& from, const json::value& frame) {
    const auto& fields = frame.as_object();
    if (const auto* const id = fields.if_contains("call"))
      return take_call(from, id->to_number<std::uint64_t>(), frame);
    if (const auto* const id = fields.if_contains("subscribe"))
      return take_subscribe(from, id->to_number<std::uint64_t>(), frame);
    if (const auto* const name = fields.if_contains("publish"))
      return publish(std::string(name->as_string()), frame.at("data"));
    const std::lock_guard lock(mutex);
    if (const auto* const id = fields.if_contains("unsubscribe"))
      from.channels.erase(id->to_number<std::uint64_t>());
  }
  void take_call(const peer& from, std::uint64_t id, const json::value& frame) {
    auto handler = [this] {
      const std::lock_guard lock(mutex);
      ++calls;
      return on_call;
    }();
    const auto& params = frame.at("params");
    const auto said = handler ? handler(std::string(frame.at("method").as_string()), params) : answer(params);
    if (!said) return;
    if (const auto* const value = std::get_if<json::value>(&*said))
      return say(from, json::serialize(json::object{{"reply", id}, {"value", *value}}));
    refuse(from, id, std::get<channels::call_error>(*said));
  }
  static void refuse(const peer& from, std::uint64_t id, const channels::call_error& why) {
    auto frame = error_of(why);
    frame["refuse"] = id;
    say(from, json::serialize(frame));
  }
  void take_subscribe(peer& from, std::uint64_t id, const json::value& frame) {
    const std::string name(frame.at("channel").as_string());
    auto judge = [this] {
      const std::lock_guard lock(mutex);
      return on_subscribe;
    }();
    if (const auto why = judge ? judge(name, frame.at("params")) : std::nullopt)
      return refuse(from, id, *why);
    const std::lock_guard lock(mutex);
    if (!confirms) return;
    const auto& wanted = channels[name];
    const std::string after(frame.at("after").as_string());
    from.channels.emplace(id, name);
    std::uint64_t position = 0;
    const bool is_ours =
        std::from_chars(after.data(), after.data() + after.size(), position).ec == std::errc();
    if (!is_ours || position > wanted.last)  // from now on; or behind events that this backend has never had
      return say(from, json::serialize(json::object{{"subscribed", id}, {"recovered", false}}));
    const auto missed = wanted.last - position;
    json::object reply{{"subscribed", id}, {"recovered", missed <= wanted.events.size()}};
    if (missed > wanted.events.size()) reply["missed"] = missed;
    say(from, json::serialize(reply));
    if (missed > wanted.events.size()) return;
    for (auto left = missed; left != 0; --left)
      say(from, event(id, wanted.last - left + 1, wanted.events[wanted.events.size() - left]));
  }
};

channel_server::channel_server(server& behind) : implementation_(std::make_shared<implementation>()) {
  behind.on_session([self = implementation_](server_session& on) { return implementation::serve(self, on); });
}

channel_server::~channel_server() {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->on_call = {};
  implementation_->on_subscribe = {};
}

channels::dialect_factory channel_server::dialect() {
  return [] { return std::make_unique<channel_dialect>(); };
}

void channel_server::on_call(call_handler next) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->on_call = std::move(next);
}

void channel_server::on_subscribe(gate next) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->on_subscribe = std::move(next);
}

void channel_server::confirm(bool wanted) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->confirms = wanted;
}

void channel_server::retain(std::size_t events) {
  const std::lock_guard lock(implementation_->mutex);
  implementation_->retained = events;
  for (auto& [name, each] : implementation_->channels) {
    while (each.events.size() > events) each.events.pop_front();
  }
}

void channel_server::publish(std::string_view channel, const json::value& data) {
  implementation_->publish(channel, data);
}

void channel_server::end(std::string_view channel, bool will_return,
                         const std::optional<channels::call_error>& why) {
  auto frame = why ? error_of(*why) : json::object();
  frame["returns"] = will_return;
  implementation_->end(channel, frame);
}

void channel_server::notify(std::string_view method, const json::value& params) {
  const auto frame = json::serialize(json::object{{"notify", method}, {"params", params}});
  const std::lock_guard lock(implementation_->mutex);
  for (const auto& each : implementation_->peers) implementation::say(*each, frame);
}

void channel_server::drop() {
  const std::lock_guard lock(implementation_->mutex);
  for (const auto& each : implementation_->peers)
    net::post(each->strand, [session = each->session] { session->drop(); });
}

std::size_t channel_server::subscribers(std::string_view channel) const {
  const std::lock_guard lock(implementation_->mutex);
  return static_cast<std::size_t>(std::ranges::count_if(implementation_->peers, [&](const auto& each) {
    return std::ranges::any_of(each->channels, [&](const auto& one) { return one.second == channel; });
  }));
}

std::size_t channel_server::clients() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->peers.size();
}

std::size_t channel_server::calls() const {
  const std::lock_guard lock(implementation_->mutex);
  return implementation_->calls;
}

}  // namespace holdfast::testing
