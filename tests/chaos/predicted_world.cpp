#include "predicted_world.hpp"

#include <boost/asio.hpp>
#include <chrono>
#include <stdexcept>
#include <utility>

import holdfast;
import holdfast.testing;

namespace chaos {
namespace {

namespace testing = holdfast::testing;

constexpr auto patience = 60s;
constexpr auto settling = 700ms;  // longer than `stable_after`

const holdfast::peer_address server_at{net::ip::make_address("10.0.0.1"), 80};

}  // namespace

predicted_world::predicted_world(std::uint64_t seed, std::chrono::seconds ping_interval)
    : in_(seed),
      server_(in_, server_at),
      local_(std::make_shared<local_network>(in_.network())),
      given_(options_for("ws://10.0.0.1/", seed, ping_interval, [this](const auto& line) { say(line); })) {
  given_.network = local_;
  server_.on_session([this](auto& session) { return serve(session); });
}

// One coroutine for a session: what it is to do meanwhile, it does itself.
net::awaitable<void> predicted_world::serve(testing::server_session& session) {
  while ([[maybe_unused]] const bool goes_on = co_await session.echo_for(10ms)) {
    if (const auto order = std::exchange(order_, {})) co_await order(session);
  }
}

void predicted_world::start_client() {
  conn_.emplace(in_.executor(), given_);
  tell_changes(*conn_, [this](const auto& line) { say(line); });
  conn_->run(net::detached);
}

void predicted_world::expect(std::string_view line) {
  const auto came = [&] {
    while (passed_ < lines_.size()) {
      if (lines_[passed_++].starts_with(line)) return true;
    }
    return false;
  };
  if (!in_.run_until(came, patience)) throw std::runtime_error("there was no " + std::string(line));
}

void predicted_world::settle_in() {
  expect("connected");
  pause(settling);
}

void predicted_world::send(std::size_t count) {
  in_.spawn(exchange(*conn_, count, [this](const auto& line) { say(line); }));
  expect("echoed");
}

std::vector<std::string> predicted_world::finish() {
  conn_->close();
  expect("disconnected[the connection is closed");
  auto states = std::exchange(lines_, {});
  std::erase_if(states, [](const auto& line) { return line.starts_with("echoed"); });
  return states;
}

void predicted_world::server_refuses(bool refuses) {
  in_.network()->behave(server_at,
                        refuses ? testing::port_behaviour::refuses : testing::port_behaviour::accepts);
}

void predicted_world::server_ends(farewell how) {
  server_refuses();
  if (how == farewell::reset) return reset();
  order_ = [](testing::server_session& session) -> net::awaitable<void> {
    session.drop();
    co_return;
  };
}

void predicted_world::server_closes(std::uint16_t code) {
  server_refuses();
  order_ = [code](testing::server_session& session) { return session.close(code); };
}

void predicted_world::server_stops_for(holdfast::clock::duration span) {
  order_ = [span](testing::server_session& session) { return session.stop_reading_for(span); };
}

void predicted_world::server_stops() {
  in_.network()->silence_links();
  server_.never_upgrade();
}

void predicted_world::cut(testing::silenced which) {
  in_.network()->silence_links(which);
  in_.network()->behave(server_at, testing::port_behaviour::swallows);  // one way is not enough to connect
}

void predicted_world::mend() { in_.network()->behave(server_at, testing::port_behaviour::accepts); }

void predicted_world::lose_the_way(holdfast::error_code why) {
  in_.network()->silence_links();
  local_->has_no_way(why);
}

void predicted_world::change_address() {
  in_.network()->silence_links();
  network_changed();
}

}  // namespace chaos
