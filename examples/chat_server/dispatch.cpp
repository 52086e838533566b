// What each frame of a client does, and above all the first one, hello. One learns how a session is resumed:
// what was missed comes first, and what the client sends a second time is passed over.
#include <type_traits>
#include <variant>

#include "server.hpp"

using namespace std::chrono_literals;

namespace {

constexpr auto heartbeat = 20s;
constexpr auto reconnect_when_full_in = 5s;

}  // namespace

void server::handle_text(const socket_pointer& from, const std::string& text) {
  const auto frame = parse_client_frame(text);
  auto* speaks_for = sockets_.at(from);
  const auto* greeting = std::get_if<hello>(&frame);
  if (greeting != nullptr && speaks_for == nullptr) return handle(from, *greeting);
  if (greeting != nullptr) throw bad_frame("a second hello");
  if (speaks_for == nullptr) throw bad_frame("hello must be the first frame");
  std::visit(
      [&](const auto& each) {
        if constexpr (!std::is_same_v<decltype(each), const hello&>) handle(*speaks_for, each);
      },
      frame);
}

void server::handle(const socket_pointer& from, const hello& said) {
  if (!given_.token.empty() && said.token != given_.token) return from->fail("unauthorized", "wrong token");
  auto& client = find_or_add_client(said.client);
  const bool resumed = said.resume && client.current != nullptr && client.current->id == said.resume->session;
  if (resumed && said.resume->last_seq > client.current->events.last_seq()) {
    throw bad_frame("last_seq is of an event that was never sent");
  }
  if (!resumed) {
    if (client.current != nullptr) end_session(*client.current);
    client.current = begin_session(said.client);
  }
  if (client.current == nullptr) {
    from->send(go_away_frame("full", reconnect_when_full_in));
    return from->close(1013, "full");
  }

  auto& current = *client.current;
  ready_facts facts{
      .session = current.id, .resumed = resumed, .heartbeat = heartbeat, .last_id = client.last_id};
  if (resumed) {
    facts.gap = current.events.gap_after(said.resume->last_seq);
    facts.seq = facts.gap ? facts.gap->to : said.resume->last_seq;
  }
  connect(current, from);
  from->send(ready_frame(facts));
  for (auto& each : current.events.after(facts.seq)) from->send(event_frame(std::move(each)));
  const auto now = peer::clock::now();
  client.typing.lift(now);
  if (const auto left = client.typing.penalty_left(now)) from->send(throttle_frame(left));
}

void server::handle(session& from, const message& said) {
  auto& client = client_of(from);
  // Otherwise we have it already, and it was the acknowledgement that was lost.
  if (said.id > client.last_id) {
    client.last_id = said.id;
    try {
      if (said.feature != "typing" || take_typing(from, client)) chat_.handle(from, said.data);
    } catch (const refused& why) {
      from.socket->send(error_frame("bad_request", why.what(), false));
    }
  }
  from.socket->send(ack_frame(client.last_id));
}

bool server::take_typing(session& from, client_record& client) {
  const auto now = peer::clock::now();
  const bool was_throttled = client.typing.penalty_left(now).has_value();
  const bool taken = client.typing.take(now);
  if (!taken && !was_throttled) from.socket->send(throttle_frame(client.typing.penalty_left(now)));
  return taken;
}

void server::handle(session& from, const ping& said) { from.socket->send(pong_frame(said.id)); }

void server::handle(session& from, const events_received& said) {
  if (said.seq > from.events.last_seq()) throw bad_frame("seq is of an event that was never sent");
  from.events.trim(said.seq);
}
