// A conversation with a client: what its frames cause, what the server sends and when, and how a frame gets
// to the socket.
module;
#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

module holdfast.testing;

import holdfast;
import holdfast.wire;
import :v1_memory;
import :v1_sockets;
import :v1_wire;

namespace holdfast::testing {

namespace {

// Not v1_subprotocol: the server shares nothing with the client.
constexpr std::string_view subprotocol = "holdfast.v1";

bool offers_v1(const http_head& request) {
  auto names = request.joined("Sec-WebSocket-Protocol");
  std::erase(names, ' ');
  return (',' + names + ',').find(',' + std::string(subprotocol) + ',') != std::string::npos;
}

}  // namespace

std::optional<http_answer> v1_server::implementation::judge(const http_head& request) {
  if (offers_v1(request))
    return http_answer{.status = 101, .headers = {{"Sec-WebSocket-Protocol", std::string(subprotocol)}}};
  const std::lock_guard lock(mutex);
  breaks("upgrade: the subprotocol holdfast.v1 must be offered");
  return http_answer{.status = 400, .body = violations.back()};
}

net::awaitable<void> v1_server::implementation::serve(server_session& socket) {
  const auto self = shared_from_this();
  const auto here = std::make_shared<v1_link>(socket.shared_from_this(), co_await net::this_coro::executor);
  // Removes the link when this coroutine ends, also if it is destroyed with its executor's context.
  struct presence {
    presence(implementation& in, link_ptr whose) : server(in), link(std::move(whose)) {
      const std::lock_guard lock(server.mutex);
      server.links.push_back(link);
    }
    ~presence() {
      const std::lock_guard lock(server.mutex);
      std::erase(server.links, link);
      link->outgoing.clear();
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    implementation& server;
    link_ptr link;
  } const present(*self, here);
  co_await converse(here);
  here->closing = true;
  here->login_due.cancel();
  here->lift_due.cancel();
}

net::awaitable<void> v1_server::implementation::converse(link_ptr on) {
  while (const auto next = co_await on->socket->receive()) {
    switch (take(on, read_client_frame(*next))) {
      case verdict::goes_on:
        break;
      case verdict::is_dropped:
        co_return on->socket->drop();
      case verdict::has_broken_rules:
        on->closing = true;
        co_return co_await on->socket->close(close_codes::protocol_error,
                                             "a frame breaks the rules of holdfast.v1");
    }
  }
}

v1_server::implementation::verdict v1_server::implementation::breaks(std::string problem) {
  violations.push_back(std::move(problem));
  return verdict::has_broken_rules;
}

v1_server::implementation::verdict v1_server::implementation::take(const link_ptr& from,
                                                                   const v1_client_frame& frame) {
  if (const auto* const hello = std::get_if<v1_hello>(&frame)) return take_hello(from, *hello);
  if (const auto* const given = std::get_if<v1_message>(&frame)) return take_message(from, *given);
  const std::lock_guard lock(mutex);
  if (const auto* const broken = std::get_if<v1_broken>(&frame)) return breaks(broken->problem);
  if (const auto* const ping = std::get_if<v1_ping>(&frame)) {
    if (!from->session) return breaks("ping: must not come before ready");
    if (ping->id <= from->last_ping) return breaks("ping: id must be larger than that of the ping before");
    from->last_ping = ping->id;
    if (answers_pings) say(from, write_pong(ping->id));
  } else if (const auto* const ack = std::get_if<v1_client_ack>(&frame)) {
    if (!from->session) return breaks("ack: must not come before ready");
    auto problem = v1_memory::acknowledge(*from->session, ack->seq);
    if (!problem.empty()) return breaks(std::move(problem));
  }
  return verdict::goes_on;
}

v1_server::implementation::verdict v1_server::implementation::take_hello(const link_ptr& from,
                                                                         const v1_hello& hello) {
  gate ask;
  {
    const std::lock_guard lock(mutex);
    if (from->hello) return breaks("hello: must not come twice");
    from->hello = hello;
    hellos.push_back(hello);
    ask = on_hello;
  }
  const auto refusal = ask ? ask(hello) : std::nullopt;
  const std::lock_guard lock(mutex);
  if (never_answers_logins) return verdict::goes_on;
  if (refusal) {
    say(from, testing::write(*refusal));
  } else if (login_delay <= clock::duration::zero()) {
    welcome(from);
  } else {
    from->login_at = clock::now() + login_delay;
    start(from, &implementation::welcome_in_time);
  }
  return verdict::goes_on;
}

void v1_server::implementation::welcome(const link_ptr& whom) {
  const auto login = memory.log_in(*whom->hello);
  if (!login.problem.empty()) violations.push_back(login.problem);
  if (login.resumed) ++resumes;
  for (const auto& each : links) {  // two sockets must never serve one session
    if (each->session != login.session) continue;
    each->session.reset();
    say(each, std::nullopt);
  }
  whom->session = login.session;
  v1_ready frame{.session = login.session->name,
                 .resumed = login.resumed,
                 .seq = login.seq,
                 .heartbeat = heartbeat,
                 .gap = login.gap};
  if (!holds_acks) {
    whom->acknowledged_id = memory.last_id(whom->hello->client);
    frame.last_id = whom->acknowledged_id;
  }
  say(whom, testing::write(frame));
  if (!features.empty()) say_throttled(whom);
  for (auto seq = login.seq + 1; seq <= login.session->last(); ++seq)
    say(whom, write_event(seq, login.session->kept[seq - login.session->first_kept]));
}

v1_server::implementation::verdict v1_server::implementation::take_message(const link_ptr& from,
                                                                           v1_message given) {
  message_handler tell_of_it;
  {
    const std::lock_guard lock(mutex);
    ++arrivals;
    if (!from->session) return breaks("message: must not come before ready");
    if (given.id <= from->last_id)
      return breaks("message: id must be larger than that of the message before");
    from->last_id = given.id;
    given.client = from->hello->client;
    switch (memory.take(given)) {
      case v1_memory::fate::processed:
        tell_of_it = on_message ? on_message : [](const v1_message&) {};
        break;
      case v1_memory::fate::passed_over:
        break;
      case v1_memory::fate::differs:
        return breaks("message: must be the same when it is sent again");
    }
  }
  if (tell_of_it) tell_of_it(given);
  const std::lock_guard lock(mutex);
  if (tell_of_it && drops != 0) return --drops, verdict::is_dropped;
  if (!holds_acks) acknowledge(from);
  return verdict::goes_on;
}

void v1_server::implementation::acknowledge(const link_ptr& to) {
  to->acknowledged_id = memory.last_id(to->hello->client);
  say(to, write_ack(to->acknowledged_id));
}

void v1_server::implementation::say_throttled(const link_ptr& to) {
  std::vector<v1_throttled> list;
  const auto now = clock::now();
  std::erase_if(features, [now](const throttled& each) { return each.until && *each.until <= now; });
  for (const auto& each : features) {
    list.push_back(each);
    if (each.until) list.back().lasts = std::chrono::ceil<std::chrono::milliseconds>(*each.until - now);
  }
  say(to, write(list));
  if (!list.empty()) start(to, &implementation::lift_in_time);
}

void v1_server::implementation::say(const link_ptr& to, std::optional<std::string> frame) {
  to->outgoing.push_back(std::move(frame));
  start(to, &implementation::write_all);
}

// Always posted, because the caller may hold the mutex and be on the strand.
void v1_server::implementation::start(const link_ptr& on, routine what) {
  net::post(on->strand, [self = shared_from_this(), on, what] {
    net::co_spawn(on->strand, (self.get()->*what)(on), [self](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  });
}

// Several may run at once: each frame is taken and handed to the socket in one go, so their order remains.
net::awaitable<void> v1_server::implementation::write_all(link_ptr to) {
  for (;;) {
    std::optional<std::string> frame;
    {
      const std::lock_guard lock(mutex);
      if (to->closing || to->outgoing.empty()) co_return;
      frame = std::move(to->outgoing.front());
      to->outgoing.pop_front();
    }
    if (!frame) co_return to->socket->drop();
    co_await to->socket->send(*frame);
  }
}

net::awaitable<void> v1_server::implementation::welcome_in_time(link_ptr whom) {
  co_await whom->login_due.async_wait_until(whom->login_at, net::as_tuple(net::use_awaitable));
  const std::lock_guard lock(mutex);
  if (!whom->closing) welcome(whom);
}

// Lifts a throttle when it is over. The client may do it by itself, but does not have to.
net::awaitable<void> v1_server::implementation::lift_in_time(link_ptr to) {
  std::optional<clock::time_point> first;
  {
    const std::lock_guard lock(mutex);
    for (const auto& each : features) {
      if (each.until && (!first || *each.until < *first)) first = each.until;
    }
  }
  if (!first) co_return to->lift_due.cancel();
  const auto [ec] = co_await to->lift_due.async_wait_until(*first, net::as_tuple(net::use_awaitable));
  const std::lock_guard lock(mutex);
  if (!ec && !to->closing && to->session) say_throttled(to);
}

}  // namespace holdfast::testing
