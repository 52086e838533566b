// A client of channels in a simulated world, and a backend that speaks JSON-RPC as a script has it.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario.hpp"

import holdfast.channels;

namespace json = boost::json;

// What the subscriber has got, one word or two for each item: "subscribed", "event 3", "lost", "ended
// refused".
inline std::string describe_item(const channels::item& what) {
  struct namer {
    std::string operator()(const channels::event& of) const { return "event " + json::serialize(of.data); }
    std::string operator()(const channels::subscribed& of) const {
      return std::string("subscribed") + (of.again ? " again" : "") + (of.recovered ? " recovered" : "");
    }
    std::string operator()(const channels::lost&) const { return "lost"; }
    std::string operator()(const channels::overflow& of) const {
      return "overflow " + std::to_string(of.dropped);
    }
    std::string operator()(const channels::ended& of) const {
      return "ended " + std::string(to_string(of.why));
    }
  };
  return std::visit(namer(), what);
}

// Receives until the subscription ends, or as many items as were asked for.
class subscriber {
 public:
  explicit subscriber(channels::subscription of, std::size_t most = std::string::npos)
      : on(std::move(of)), left_(most) {
    next();
  }
  subscriber(const subscriber&) = delete;
  subscriber& operator=(const subscriber&) = delete;
  ~subscriber() { *alive_ = false; }

  void take(std::size_t more) {
    left_ += more;
    if (!waits_) next();
  }

  channels::subscription on;
  std::vector<std::string> got{};
  error_code end{};

 private:
  void next() {
    if (left_ == 0) return;
    --left_;
    waits_ = true;
    on.receive([this, alive = alive_](error_code ec, const channels::item& what) {
      if (!*alive) return;
      waits_ = false;
      if (ec) {
        end = ec;
        return;
      }
      got.push_back(describe_item(what));
      next();
    });
  }

  std::size_t left_;
  bool waits_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// How a call has ended, and how often that was reported.
struct call_end {
  int count = 0;
  channels::call_result result{};
  clock::time_point at{};
  auto handler() {
    return [this](channels::call_result how) {
      ++count;
      at = clock::now();
      result = std::move(how);
    };
  }
  [[nodiscard]] bool is(channels::call_outcome wanted) const {
    return count == 1 && result.outcome == wanted;
  }
};

// The backend answers "echo" with its parameters, "fail" with an error, "rpc.on" and "rpc.off" as
// rpc-websockets does, and nothing else.
struct channel_scenario : scenario {
  channel_scenario() {
    backend.on_session([this](server_session& session) -> net::awaitable<void> {
      now = &session;
      while (auto next = co_await session.receive()) {
        auto frame = json::parse(next->payload);
        asked.push_back(frame);
        if (const auto reply = answer(frame); !reply.empty()) co_await session.send(reply);
      }
      if (now == &session) now = nullptr;
    });
  }
  channels::client& start_client(channels::client_options how = {}) {
    client.emplace(in.executor(), given, channels::json_rpc(speaks), how);
    client->run([this](error_code ec) { run_ended = ec; });
    in.settle();
    return *client;
  }
  bool connects(clock::duration within = 30s) {
    return in.run_until([&] { return client->connection().status() == connection_state::connected; }, within);
  }
  bool connects_again(std::uint64_t session, clock::duration within = 60s) {
    return in.run_until(
        [&] {
          const auto last = client->connection().snapshot();
          return last.session == session && last.to == connection_state::connected;
        },
        within);
  }
  void say(std::string what) {
    net::co_spawn(
        in.executor(), [this, what = std::move(what)]() -> net::awaitable<void> { co_await now->send(what); },
        net::detached);
    in.run_for(100ms);
  }
  void publish(std::string_view channel, int number) {
    say(json::serialize(json::object{{"notification", channel}, {"params", number}}));
  }
  // How often the backend was asked for this method.
  [[nodiscard]] std::size_t count(std::string_view method) const {
    std::size_t found = 0;
    for (const auto& each : asked) found += method_of(each) == method;
    return found;
  }
  static std::string method_of(const json::value& frame) {
    const auto* const name = frame.is_object() ? frame.as_object().if_contains("method") : nullptr;
    return name == nullptr ? std::string() : std::string(name->as_string());
  }
  std::string answer(const json::value& frame) {
    const auto method = method_of(frame);
    const auto* const id = frame.is_object() ? frame.as_object().if_contains("id") : nullptr;
    if (id == nullptr || method.empty()) return {};
    json::object out{{"jsonrpc", "2.0"}, {"id", *id}};
    if (method == "echo") {
      out["result"] = frame.at("params");
    } else if (method == "fail") {
      out["error"] = {{"code", -32000}, {"message", "no such user"}, {"data", 7}};
    } else if (method == "rpc.on" || method == "rpc.off") {
      const auto name = frame.at("params").at(0).as_string();
      if (name == closed) {
        out["error"] = {{"code", -32001}, {"message", "closed to you"}};
      } else {
        out["result"] = json::object{{name, "ok"}};
      }
    } else {
      return {};
    }
    return json::serialize(out);
  }

  channels::json_rpc_options speaks{.channels = channels::json_rpc_channels::by_event};
  std::string closed = "closed";  // the channel that is refused
  std::vector<json::value> asked{};
  server_session* now = nullptr;
  std::optional<channels::client> client{};
};
