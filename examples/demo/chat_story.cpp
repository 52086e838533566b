// Ann says lines, Bob hears them; meanwhile both move to new sockets, because the server asks them to.
#include "chat_story.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <string_view>
#include <utility>

#include "../chat_server/server.hpp"

import holdfast.v1;

namespace net = boost::asio;
namespace hf = holdfast;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr int line_count = 30;

hf::options to_chat(unsigned port) {
  return {.url = "ws://127.0.0.1:" + std::to_string(port) + "/",
          .subprotocols = {std::string(hf::v1_subprotocol)},
          .protocol = hf::v1(),
          .retry = {.first_spread = 300ms}};  // within which they move when they are asked to leave
}

json::object join(std::string_view name) { return {{"op", "join"}, {"room", "demo"}, {"name", name}}; }

json::object line(std::string_view text) { return {{"op", "say"}, {"room", "demo"}, {"text", text}}; }

}  // namespace

chat_story::chat_story(net::io_context& io, const timeline& out)
    : out_(out),
      server_(std::make_unique<server>(io, settings{.go_away_after = 700ms})),
      ann_(io, to_chat(server_->port())),
      bob_(io, to_chat(server_->port())) {}

chat_story::~chat_story() = default;

net::awaitable<void> chat_story::play() {
  server_->start();
  ann_.add_connection_listener("demo", {.on_state_change = [this](const hf::observed_change& change) {
                                 out_.row(change);
                                 seen_.states.push_back(change);
                               }});
  bob_.set_message_handler([this](const hf::message_view& event) { hear(event); });
  for (auto* const each : {&bob_, &ann_}) {
    each->run(net::detached);
    co_await each->wait_for(hf::connection_state::connected);
  }
  const auto bob_joined = co_await bob_.send_json(join("Bob"));
  const auto ann_joined = co_await ann_.send_json(join("Ann"));
  if (!bob_joined.ok() || !ann_joined.ok()) out_.note("Ann or Bob could not join the room");
  co_await say_lines();
  out_.note(std::to_string(seen_.said.size()) + " of Ann's lines acknowledged, " +
            std::to_string(seen_.heard.size()) + " heard by Bob, in " +
            std::to_string(ann_.snapshot().session) + " sessions");
  ann_.remove_connection_listener("demo");
  co_await ann_.close();
  co_await bob_.close();
  server_->stop();
}

net::awaitable<void> chat_story::say_lines() {
  net::steady_timer pause(co_await net::this_coro::executor);
  for (int i = 1; i <= line_count; ++i) {
    const auto text = "line " + std::to_string(i);
    const auto result = co_await ann_.send_json(line(text));
    if (result.outcome == hf::delivery::acked) seen_.said.push_back(text);
    pause.expires_after(50ms);
    co_await pause.async_wait(net::deferred);
  }
}

void chat_story::hear(const hf::message_view& event) {
  const auto what = json::parse(event.payload).as_object();
  if (what.at("op") == "said") seen_.heard.emplace_back(what.at("text").as_string());
}
