// The plot. One learns how a program lives with a connection that comes and goes: it watches the states,
// sends while connected, and is told the truth when it is not. Read play() first.
#include "story.hpp"

#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

namespace net = boost::asio;
namespace hf = holdfast;
using namespace std::chrono_literals;
using hf::connection_state;

namespace {

// Like the defaults, only that everything goes faster.
hf::options quick_options(std::string url) {
  return {.url = std::move(url),
          .retry = {.base = 250ms, .cap = 1s, .first_spread = 500ms, .stable_after = 500ms},
          .heartbeat = {.ping_interval = 600ms, .pong_deadline = 400ms}};
}

hf::options traced(hf::options given, const hf::timeline& by) {
  given.trace = by.recorder();
  return given;
}

constexpr int messages_per_session = 20;

}  // namespace

story::story(net::io_context& io, const timeline& out)
    : io_(io),
      out_(out),
      server_(io.get_executor()),
      port_(io.get_executor(), server_),
      chat_(io, out),
      given_(quick_options(port_.url())),
      history_({.limits = given_.limits}),
      conn_(io, traced(given_, history_)) {
  server_.on_session([this](auto& session) { return serve(session); });
  server_.on_upgrade([this](const auto&) { return ask_at_door(); });
}

void story::start() {
  conn_.add_connection_listener(
      "demo", {.on_state_change = [this](const auto& change) { seen_.heard.push_back(change); }});
  net::co_spawn(io_, watch_states(), net::detached);
  net::co_spawn(io_, watch_numbers(), net::detached);
  net::co_spawn(io_, play(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  conn_.run(net::detached);
}

net::awaitable<void> story::play() {
  co_await until(connection_state::connected);
  co_await exchange_messages();

  out_.chapter("1. The server drops the connection");
  co_await let_server("drop");
  co_await until(connection_state::connected);
  co_await exchange_messages();

  out_.chapter("2. The server goes silent, and its socket stays open");
  seen_.silence_noticed = co_await let_server("fall silent");
  out_.note("noticed after " + to_text(*seen_.silence_noticed) + ", promised within " +
            to_text(given_.heartbeat.ping_interval + given_.heartbeat.pong_deadline));
  co_await until(connection_state::connected);
  co_await exchange_messages();

  out_.chapter("3. The server dies, and for two seconds nothing listens on its port");
  port_.shut();
  co_await let_server("drop");
  seen_.sent_offline = co_await conn_.send("anyone there?");
  out_.note("a message sent now: " + std::string(to_string(seen_.sent_offline->outcome)) + ", " +
            seen_.sent_offline->reason.message());
  co_await pause(2s);
  port_.reopen();
  out_.note("the server is back");
  co_await until(connection_state::connected);
  co_await exchange_messages();

  out_.chapter("4. The server announces a restart, and is not ready immediately");
  starting_up_ = true;
  co_await let_server("restart");
  co_await until(connection_state::connected);
  co_await exchange_messages();

  out_.chapter(
      "5. Another server, a chat on holdfast.v1, asks its clients to leave; they move to new sockets");
  co_await chat_.play();
  seen_.chat = chat_.seen();

  out_.chapter("6. The program closes the connection");
  const auto before = hf::clock::now();
  co_await conn_.close();
  seen_.close_took = hf::clock::now() - before;
  out_.note("took " + to_text(*seen_.close_took) + ", promised within " + to_text(given_.close_timeout));
  port_.shut();
}

// The server's side: an echo, until a message asks for something else.
net::awaitable<void> story::serve(hf::testing::server_session& session) {
  while (const auto next = co_await session.receive()) {
    if (next->payload == "drop") co_return session.drop();
    if (next->payload == "fall silent") co_return co_await session.fall_silent_for(4s);
    if (next->payload == "restart") co_return co_await session.close(1012, "restart");
    co_await session.send(next->payload, next->kind);
  }
  seen_.code_at_close = session.close_code();
}

// The server's answer to an upgrade; empty lets the client in.
std::optional<hf::testing::http_answer> story::ask_at_door() {
  if (!std::exchange(starting_up_, false)) return std::nullopt;
  return hf::testing::http_answer{.status = 503, .headers = {{"Retry-After", "1"}}};
}

// An observer like any other: it prints, and does not know what play() waits for.
net::awaitable<void> story::watch_states() {
  for (auto watch = conn_.watch();;) {
    const auto change = co_await watch.next_state();
    out_.row(change);
    seen_.watched.push_back(change);
  }
}

// For the picture at the end.
net::awaitable<void> story::watch_numbers() {
  while (!seen_.close_took) {
    history_.sample(conn_.stats());
    co_await pause(100ms);
  }
}

// A cursor misses nothing, so it does not matter how often the state has changed before we come to look.
net::awaitable<hf::observed_change> story::until(connection_state wanted) {
  for (;;) {
    auto change = co_await events_.next_state();
    if (change.to == wanted) co_return change;
    if (change.final) throw std::runtime_error("the connection gave up: " + describe(change.reason));
  }
}

net::awaitable<void> story::exchange_messages() {
  for (int i = 0; i != messages_per_session; ++i) {
    const auto text = "message " + std::to_string(++seen_.messages_sent);
    conn_.send(text, net::detached);  // its echo is the answer
    const auto answer = co_await conn_.receive();
    if (answer.payload == text) ++seen_.messages_echoed;
  }
  seen_.round_trips.push_back(co_await conn_.ping());
  out_.note(std::to_string(messages_per_session) + " messages sent, their echoes received; round trip " +
            to_text(seen_.round_trips.back()));
}

// Returns how long it took until it was noticed. Waits first, so that a stable session is lost.
net::awaitable<hf::clock::duration> story::let_server(std::string_view misbehave) {
  co_await pause(given_.retry.stable_after + 200ms);
  const auto asked = hf::clock::now();
  conn_.send(misbehave, net::detached);
  const auto noticed = co_await until(connection_state::disconnected);
  co_return noticed.time - asked;
}

net::awaitable<void> story::pause(std::chrono::milliseconds span) {
  co_await net::steady_timer(io_, span).async_wait(net::deferred);
}
