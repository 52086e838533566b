// The other side, for the example: keeps one session and its events, answers heartbeats, and does to the
// client what gateways do. Not a model of a server: see chat_server for that.
#pragma once

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

import holdfast;
import holdfast.testing;

class fake_gateway {
 public:
  using object = boost::json::object;
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

  explicit fake_gateway(holdfast::testing::server& as) {
    as.on_session([this](holdfast::testing::server_session& session) { return serve(session); });
  }

  // An event for the client, now or when it comes back.
  void happen(std::string what) {
    events_.push_back(object{{"op", 0}, {"s", ++sequence_}, {"t", "MESSAGE"}, {"d", std::move(what)}});
    if (session_ != nullptr) post(events_.back());
  }
  // Without a word.
  void drop() {
    if (session_ != nullptr) session_->drop();
  }
  void ask_to_reconnect() { post(object{{"op", 7}, {"d", nullptr}}); }
  void invalidate() {
    valid_ = false;
    post(object{{"op", 9}, {"d", false}});
  }

  [[nodiscard]] int identified() const { return identified_; }
  [[nodiscard]] int resumed() const { return resumed_; }
  [[nodiscard]] int heartbeats() const { return heartbeats_; }

 private:
  void post(const object& frame) {
    auto text = boost::json::serialize(frame);
    boost::asio::co_spawn(
        executor_,
        [self = session_->shared_from_this(), text = std::move(text)]() -> awaitable<void> {
          co_await self->send(text);
        },
        boost::asio::detached);
  }

  awaitable<void> serve(holdfast::testing::server_session& session) {
    executor_ = co_await boost::asio::this_coro::executor;
    co_await session.send(R"({"op":10,"d":{"heartbeat_interval":200}})");
    while (auto next = co_await session.receive()) {
      const auto frame = boost::json::parse(next->payload).as_object();
      switch (frame.at("op").as_int64()) {
        case 1:
          ++heartbeats_;
          co_await session.send(R"({"op":11})");
          break;
        case 2:
          ++identified_;
          valid_ = true;
          events_.clear();
          session_ = &session;
          co_await session.send(ready());
          break;
        case 6:
          if (!valid_) {
            co_await session.send(R"({"op":9,"d":false})");
            break;
          }
          ++resumed_;
          session_ = &session;
          co_await replay(session, frame.at("d").at("seq").as_int64());
          break;
        default:
          break;
      }
    }
    if (session_ == &session) session_ = nullptr;
  }

  awaitable<void> replay(holdfast::testing::server_session& session, std::int64_t last) {
    for (const auto& each : events_) {
      if (each.at("s").as_int64() > last) co_await session.send(boost::json::serialize(each));
    }
    co_await session.send(dispatch("RESUMED", nullptr));
  }

  std::string ready() { return dispatch("READY", object{{"session_id", "s1"}}); }

  std::string dispatch(std::string_view name, const boost::json::value& data) {
    return boost::json::serialize(object{{"op", 0}, {"s", ++sequence_}, {"t", name}, {"d", data}});
  }

  boost::asio::any_io_executor executor_;
  holdfast::testing::server_session* session_ = nullptr;  // that is ready; it outlives its place here
  std::vector<object> events_;                            // of the session, for whoever comes back
  std::int64_t sequence_ = 0;
  bool valid_ = false;
  int identified_ = 0;
  int resumed_ = 0;
  int heartbeats_ = 0;
};
