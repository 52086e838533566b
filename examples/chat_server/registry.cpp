// Who is known, and for how long. One learns to give everything that a stranger can create a bound, and a
// moment at which it is forgotten.
#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

#include "server.hpp"

namespace {

constexpr std::size_t most_sessions = 1000;
constexpr std::size_t most_clients =
    10'000;  // remembered after their sessions, by which number they had come to

// It is what a client shows to resume, so it must not be guessed.
std::string new_session_id() {
  std::random_device entropy;
  std::string out;
  for (int i = 0; i != 4; ++i) {
    char part[9];
    std::snprintf(part, sizeof part, "%08x", entropy());
    out += part;
  }
  return out;
}

}  // namespace

client_record& server::find_or_add_client(const std::string& name) {
  if (!clients_.contains(name) && clients_.size() >= most_clients) {
    const auto oldest = std::ranges::min_element(clients_, {}, [](const auto& each) {
      const auto& [its_name, client] = each;
      return std::pair(client.current != nullptr,
                       client.last_hello);  // those with a session are never the first
    });
    clients_.erase(oldest);
  }
  auto& client = clients_.try_emplace(name, client_record{.typing = typing_rate(given_.typing_per_second)})
                     .first->second;
  client.last_hello = peer::clock::now();
  return client;
}

session* server::begin_session(const std::string& client) {
  if (sessions_.size() >= most_sessions) {
    const auto oldest = std::ranges::min_element(sessions_, {}, [](const auto& each) {
      const auto& [id, which] = each;
      return std::pair(which.socket != nullptr, which.gone_since);
    });
    if (oldest->second.socket) return nullptr;  // all are in use
    end_session(oldest->second);
  }
  const auto id = new_session_id();
  session fresh{.id = id, .client = client, .events = resume_buffer(given_.buffered_events_count)};
  return &sessions_.try_emplace(id, std::move(fresh)).first->second;
}

void server::end_session(session& which) {
  chat_.leave_all(which);
  if (which.socket) {
    which.socket->close(1008, "the client has begun another session");
    sockets_.at(which.socket) = nullptr;
  }
  client_of(which).current = nullptr;
  sessions_.erase(std::string(which.id));
}

// The socket before may be half-open: the client knows better than we that it is gone.
void server::connect(session& which, const socket_pointer& socket) {
  if (which.socket) {
    which.socket->close(1008, "the client has come back on another socket");
    sockets_.at(which.socket) = nullptr;
  }
  which.socket = socket;
  sockets_.at(socket) = &which;
  socket->set_welcome(given_.go_away_after);
}

void server::disconnect(const socket_pointer& socket) {
  if (auto* spoke_for = sockets_.at(socket)) {
    spoke_for->socket.reset();
    spoke_for->gone_since = peer::clock::now();
  }
  sockets_.erase(socket);
}

void server::end_abandoned_sessions(peer::clock::time_point now) {
  std::vector<session*> abandoned;
  for (auto& [id, each] : sessions_) {
    if (!each.socket && now - each.gone_since >= given_.keep) abandoned.push_back(&each);
  }
  for (auto* each : abandoned) end_session(*each);
}

void server::lift_penalties(peer::clock::time_point now) {
  for (auto& [id, each] : sessions_) {
    if (client_of(each).typing.lift(now) && each.socket) each.socket->send(throttle_frame({}));
  }
}
