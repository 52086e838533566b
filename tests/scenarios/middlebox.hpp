// A box on the way to the server: it says what its script says, then carries bytes. Without a script it is a
// mere relay, which can cut the line or spoil what passes; with one it is a proxy. Speaks no TLS.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario.hpp"

// What the box waits for, and what it says then.
struct box_step {
  std::function<bool(std::string_view)> is_whole;
  std::string reply;
};

class middlebox {
 public:
  middlebox(world& in, const peer_address& at, peer_address leads_to, std::vector<box_step> script = {})
      : state_(std::make_shared<state>(in)) {
    state_->script = std::move(script);
    state_->leads_to = leads_to;
    in.network()->listen(at, [state = state_](transport accepted) {
      state->around.spawn(serve(state, std::make_shared<transport>(std::move(accepted))));
    });
  }

  void follow(std::vector<box_step> script) { state_->script = std::move(script); }
  // Empty: the last reply is the end of the script, and then the box holds the line and is silent.
  void lead_to(std::optional<peer_address> at) { state_->leads_to = at; }
  // Hangs up behind the last reply.
  void hang_up_at_the_end() { state_->hangs_up = true; }
  // Says a byte, and pauses.
  void speak_slowly(clock::duration pause) { state_->pause = pause; }
  // What comes from the server passes through this.
  void spoil(std::function<void(std::string&)> how) { state_->spoil = std::move(how); }
  // Ends all lines, without a word.
  void cut() {
    for (const auto& each : std::exchange(state_->lines, {})) {
      if (const auto line = each.lock()) line->close();
    }
  }

  [[nodiscard]] std::size_t connections() const { return state_->connections; }
  // What was said to it in the latest dialogue, step by step.
  [[nodiscard]] const std::vector<std::string>& heard() const { return state_->heard; }

 private:
  using shared_stream = std::shared_ptr<transport>;  // shared by the two directions

  // Shared with the coroutines, which may outlive the box.
  struct state {
    explicit state(world& in) : around(in) {}
    world& around;
    std::vector<box_step> script;
    std::optional<peer_address> leads_to;
    bool hangs_up = false;
    clock::duration pause{};
    std::function<void(std::string&)> spoil;
    std::vector<std::weak_ptr<transport>> lines;
    std::size_t connections = 0;
    std::vector<std::string> heard;
  };

  // At least a byte; false: the other side has gone.
  static net::awaitable<bool> read(transport& from, std::string& into) {
    std::string place(4096, '\0');
    for (error_code ec; !ec;) {
      const auto count = from.read_some(place, ec);
      into.append(place, 0, count);
      if (count != 0) co_return true;
      if (would_block(ec))
        co_await from.async_wait(readiness::readable, net::redirect_error(net::use_awaitable, ec));
    }
    co_return false;
  }

  static net::awaitable<bool> say(const std::shared_ptr<state>& self, transport& to, std::string bytes) {
    if (self->pause == clock::duration::zero()) co_return !co_await write_all(to, bytes);
    timer wait(co_await net::this_coro::executor);
    for (const char each : bytes) {
      if (const auto ec = co_await write_all(to, {&each, 1})) co_return false;
      co_await wait.async_wait_until(clock::now() + self->pause, net::use_awaitable);
    }
    co_return true;
  }

  static net::awaitable<void> carry(std::shared_ptr<state> self, shared_stream from, shared_stream to,
                                    bool downstream) {
    for (;;) {
      std::string bytes;
      if (const bool arrived = co_await read(*from, bytes); !arrived) break;
      if (downstream && self->spoil) self->spoil(bytes);
      if (const auto ec = co_await write_all(*to, bytes)) break;
    }
    from->close();
    to->close();
  }

  static net::awaitable<void> serve(std::shared_ptr<state> self, shared_stream client) {
    ++self->connections;
    self->heard.clear();
    self->lines.emplace_back(client);
    const auto script = self->script;
    for (const auto& step : script) {
      std::string said;
      while (!step.is_whole(said)) {
        if (const bool arrived = co_await read(*client, said); !arrived) co_return;
      }
      self->heard.push_back(said);
      if (const bool replied = co_await say(self, *client, step.reply); !replied) co_return;
    }
    if (self->hangs_up) co_return client->close();
    if (!self->leads_to) {
      for (std::string ignored;;) {
        if (const bool arrived = co_await read(*client, ignored); !arrived) co_return;
      }
    }
    auto opened = co_await self->around.network()->connect(*self->leads_to);
    if (opened.has_error()) co_return client->close();
    const auto server = std::make_shared<transport>(std::move(*opened));
    self->lines.emplace_back(server);
    self->around.spawn(carry(self, client, server, false));
    self->around.spawn(carry(self, server, client, true));
  }

  std::shared_ptr<state> state_;
};
