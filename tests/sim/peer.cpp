// What servers do to a client, from the first byte on.
#include "peer.hpp"

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "line.hpp"
#include "rubbish.hpp"
#include "secure.hpp"
#include "v1_link.hpp"

namespace sim {

using holdfast::frame_event;
using holdfast::frame_result;
using holdfast::message_kind;

namespace {

constexpr auto patience = 120s;  // then a server that has nothing more to do hangs up
constexpr std::size_t full = 64 * 1024;
constexpr std::size_t parting_bytes = 24;
constexpr auto hangs_up_after = 450ms;  // with a parting; the client waits for half a second

// A session under way: what comes is written down and, if the script says so, sent back.
struct session {
  line& on;
  const server_script script;
  courier& mail;
  journal& log;
  transitions& states;
  const std::size_t number;
  v1_server* const service;  // null: what comes is echoed
  bool mute = false;         // we have sent a close frame
  bool closing = false;      // the client has
  bool talks_on = false;     // and is not answered before we have said all
  bool was_closed = false;   // it has closed meanwhile
  std::unique_ptr<v1_link> spoken{};

  void speak_v1() {
    const auto obstructs = {conduct::silent, conduct::reads_slowly, conduct::floods_pings};
    const auto say = [this](message_kind kind, std::string_view text) {
      if (mute || on.over()) return;
      write(kind, text);
      on.wake();
    };
    const auto hang_up = [this] {
      on.hang_up();
      on.wake();
    };
    const bool is_slow = std::ranges::find(obstructs, script.how) != obstructs.end();
    spoken = std::make_unique<v1_link>(*service, v1_link::wire{say, hang_up, is_slow});
  }
  [[nodiscard]] clock::time_point due() const {
    return spoken && !closing ? spoken->due() : clock::time_point::max();
  }
  void tend() {
    if (spoken && !closing) spoken->tend();
  }
  void handle(const frame_result& event) {
    switch (event.event) {
      case frame_event::message:
        if (spoken) {
          spoken->received(event.kind, event.payload);
          break;
        }
        mail.arrived(number, event.kind, event.payload);
        if (!mute) send_back(event.kind, event.payload);
        break;
      case frame_event::ping:
        if (script.how != conduct::no_pongs && !mute) on.codec.write_pong(event.payload);
        break;
      case frame_event::close:
        was_closed = true;
        if (!talks_on) answer_close(event.close_code);
        break;
      case frame_event::failed:
        log.violated("the client broke the rules: ", event.error.message());
        break;
      case frame_event::pong:
      case frame_event::none:
        break;
    }
  }
  void answer_close(std::uint16_t code) {
    if (!mute) on.codec.write_close(code, {});
    closing = mute = true;
  }
  void send_back(message_kind kind, std::string_view payload) {
    mail.echoed(number, payload);
    write(kind, payload);
  }
  void write(message_kind kind, std::string_view payload) {
    if (script.how != conduct::fragments) return on.codec.write_message(kind, payload);
    bool first = true;
    for (auto rest = payload; first || !rest.empty(); first = false) {
      const auto piece = rest.substr(0, script.size);
      rest.remove_prefix(piece.size());
      on.say(fragment(first ? kind == message_kind::text ? 1U : 2U : 0U, rest.empty(), piece));
      on.say(fragment(9, true, "in between"));
    }
  }
  void send_own(std::size_t size) {
    if (spoken) return service->tell(1, size);
    on.codec.write_message(message_kind::text, mail.make(number, size));
  }
};

// Follows the session until `when`, or its end.
net::awaitable<void> follow(session& self, clock::time_point when, std::size_t most = full) {
  const auto handle = [&self](const frame_result& event) { self.handle(event); };
  while (!self.on.over() && clock::now() < when) {
    self.tend();
    const bool reads = self.on.unwritten() < full && !self.closing;
    const bool did = self.on.exchange(reads ? most : 0, handle);
    if (self.closing && self.on.unwritten() == 0) self.on.hang_up();
    if (!did && !self.on.over()) co_await self.on.wait(std::min(when, self.due()), reads);
  }
}

net::awaitable<void> read_slowly(session& self) {
  const auto handle = [&self](const frame_result& event) { self.handle(event); };
  const auto until = clock::now() + patience;
  while (!self.on.over() && clock::now() < until && !self.closing) {
    self.tend();
    self.on.exchange(self.on.unwritten() < full ? self.script.size : 0, handle);
    co_await self.on.idle(clock::now() + self.script.span);
  }
  co_await self.on.flush(clock::now() + 1s);
}

net::awaitable<void> flood(session& self) {
  const auto log_in_by = clock::now() + 5s;
  while (self.spoken && !self.spoken->is_ready() && !self.on.over() && clock::now() < log_in_by)
    co_await follow(self, clock::now() + 20ms);
  for (unsigned n = 0; n < self.script.code && !self.on.over(); ++n) {
    if (self.script.how == conduct::floods) self.send_own(self.script.size);
    if (self.script.how == conduct::floods_pings) self.on.codec.write_ping(std::to_string(n));
    if (self.script.span != 0s && self.script.how == conduct::floods_pings) {
      co_await follow(self, clock::now() + self.script.span);
    } else if (self.on.unwritten() > full) {
      co_await self.on.flush(clock::now() + patience);
    }
  }
}

// The client gets the last messages and the close frame in one read, and is not hung up on at once.
net::awaitable<void> part(session& self) {
  co_await follow(self, clock::now() + self.script.span);
  if (self.on.over() || self.closing) co_return;
  self.states.server_ends();
  for (std::size_t n = 0; n < self.script.size; ++n) self.send_own(parting_bytes);
  self.on.codec.write_close(static_cast<std::uint16_t>(self.script.code), "scripted");
  self.mute = self.talks_on = true;
  co_await follow(self, clock::now() + hangs_up_after);
}

net::awaitable<void> talk(session& self) {
  self.talks_on = true;
  for (unsigned n = 0; n < self.script.code && !self.on.over(); ++n) {
    self.send_own(self.script.size);
    co_await follow(self, clock::now() + self.script.span);
  }
  self.talks_on = false;
  if (self.was_closed) self.answer_close(holdfast::close_codes::normal);
}

net::awaitable<void> perform(session& self) {
  switch (self.script.how) {
    case conduct::silent:
      co_await self.on.flush(clock::now() + 5s);
      co_await self.on.idle(clock::now() + patience);
      break;
    case conduct::closes:
      co_await follow(self, clock::now() + self.script.span);
      if (self.on.over() || self.closing) break;
      self.states.server_ends();
      self.on.codec.write_close(static_cast<std::uint16_t>(self.script.code), "scripted");
      self.mute = true;
      co_await follow(self, clock::now() + 2s);
      break;
    case conduct::drops:
      co_await self.on.flush(clock::now() + 5s);
      co_await follow(self, clock::now() + self.script.span);
      break;
    case conduct::bad_frame:
      co_await follow(self, clock::now() + self.script.span);
      if (self.spoken) self.service->breaks_rules(*self.spoken);
      self.states.server_ends();
      if (!self.mute) self.on.say(bad_frame(self.script.code));
      self.mute = true;
      co_await self.on.flush(clock::now() + 1s);
      co_await self.on.idle(clock::now() + 5s);
      break;
    case conduct::reads_slowly:
      co_await read_slowly(self);
      break;
    case conduct::parts:
      co_await part(self);
      break;
    case conduct::floods:
    case conduct::floods_pings:
      co_await flood(self);
      co_await follow(self, clock::time_point::max());
      break;
    case conduct::talks:
      co_await talk(self);
      [[fallthrough]];
    default:
      co_await follow(self, clock::time_point::max());
      break;
  }
  if (self.closing) co_await self.on.flush(clock::now() + 1s);
}

net::awaitable<void> hold(line& on) {
  const auto end = clock::now() + patience;
  const auto ignore = [](const frame_result&) {};
  while (!on.over() && clock::now() < end) {
    if (!on.exchange(full, ignore)) co_await on.wait(end, true);
  }
}

}  // namespace

peer::peer(surroundings around, std::size_t index, holdfast::peer_address at, std::string other)
    : around_(around),
      service_(around.v1 ? &around.v1->service : nullptr),
      index_(index),
      other_(std::move(other)) {
  around_.in.network()->listen(
      at, [this](holdfast::transport stream) { around_.in.spawn(speak(std::move(stream))); });
}

// False: the client has gone meanwhile. Without TLS there is nothing to do.
net::awaitable<bool> peer::secure(holdfast::transport& stream) const {
  if (!around_.what.tls) co_return true;
  auto owned =
      std::make_unique<holdfast::tls_stream>(std::move(stream), server_context(), around_.in.executor());
  auto& secured = *owned;
  stream = holdfast::transport(std::move(owned));
  const auto result = co_await secured.handshake();
  co_return result.ok();
}

std::string peer::welcome(line& on, const holdfast::http_head& request) const {
  auto out = interim() +
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: " +
             holdfast::websocket_accept(request.header("Sec-WebSocket-Key"));
  const auto agreed = accept_offer(around_.what.served[index_], request.joined("Sec-WebSocket-Extensions"));
  if (agreed) on.codec.agree(agreed->agreed);
  if (agreed) out += "\r\nSec-WebSocket-Extensions: " + agreed->answer;
  if (service_ != nullptr) out += "\r\nSec-WebSocket-Protocol: holdfast.v1";
  return out + "\r\n\r\n";
}

std::string peer::interim() const {
  return around_.what.interim
             ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
             : "";
}

void peer::refuse(line& on, const server_script& script) {
  const bool counts = script.code >= 300 && script.size != 0;
  around_.states.refused(
      script.code, counts ? std::optional<clock::duration>(std::chrono::seconds(script.size)) : std::nullopt);
  on.say(interim() + refusal(script.code, script.size));
}

net::awaitable<void> peer::speak(holdfast::transport stream) {
  const auto script = script_;
  if (const bool ok = co_await secure(stream); !ok) co_return;
  const auto on = std::make_shared<line>(around_.in.executor(), std::move(stream));
  const auto request = co_await on->read_request();
  if (!request) co_return;
  around_.log.note("  server: a request, ", to_string(script.how));
  if (script.how == conduct::never_upgrades) {
    co_await hold(*on);
  } else if (script.how == conduct::garbage) {
    on->say(bad_answer(script.code));
    co_await on->flush(clock::now() + 5s);
    if (script.span != 0s) co_await hold(*on);
  } else if (script.how == conduct::refuses || script.how == conduct::redirects) {
    script.how == conduct::refuses ? refuse(*on, script) : on->say(redirect(script.code, other_));
    co_await on->flush(clock::now() + 5s);
  } else {
    on->say(welcome(*on, *request));
    session self{*on,     script, around_.mail, around_.log, around_.states, around_.mail.open_session(),
                 service_};
    if (service_ != nullptr) self.speak_v1();
    around_.states.served(script.how);
    around_.log.note("  server: session ", self.number, " opened");
    co_await perform(self);
    around_.log.note("  server: session ", self.number, " ends");
  }
  on->hang_up();
}

}  // namespace sim
