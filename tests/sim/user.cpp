// Every command of the public interface, each with a record of what has become of it.
#include "user.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "tokens.hpp"

namespace sim {

using holdfast::connection_state;
using holdfast::error_code;
using holdfast::message_kind;
using holdfast::observed_change;

namespace {

constexpr std::size_t reply_bytes = 20;

}  // namespace

user::user(surroundings around, holdfast::options given)
    : around_(around), operations_(around.log), observers_(around.in, around.log, operations_) {
  conn_.emplace(around_.in.executor(), std::move(given));
  if (around_.v1 != nullptr) {
    around_.v1->throttles.look_at([this] { return conn_->snapshot(); });
    around_.v1->service.on_login([this] { spring_login_traps(); });
  }
  conn_->add_connection_listener("first",
                                 {.on_state_change = [this](const observed_change& change) { saw(change); }});
  conn_->add_connection_listener("trap",
                                 {.on_state_change = [this](const observed_change&) { spring_traps(); }});
}

void user::saw(const observed_change& change) {
  around_.states.saw(change);
  if (around_.v1 == nullptr) return;
  around_.v1->throttles.saw(change);
  if (change.to == connection_state::connected && around_.states.last_opened())
    around_.v1->news.connected(change);
  around_.v1->service.saw(change);
}

void user::run() {
  around_.states.ran();
  conn_->run(operations_.start(
      "run", [this](error_code ec) { around_.log.note("  run() returns: ", ec ? ec.message() : "closed"); },
      false));
  run_id_ = operations_.last();
}

void user::obey(const event& order) {
  if (order.when == moment::between_turns) return perform(order);
  if (order.when == moment::at_a_transition) return traps_.push_back(order);
  if (order.when == moment::at_a_login) return login_traps_.push_back(order);
  perform_inside_a_turn(order);
}

void user::perform_inside_a_turn(const event& order) {
  net::post(around_.in.executor(), [this, order] {
    between_turns_ = false;
    perform(order);
    between_turns_ = true;
  });
}

void user::spring_login_traps() {
  for (const auto& order : std::exchange(login_traps_, {})) {
    perform_inside_a_turn(order);
    const bool stops = order.what == act::disconnect || order.what == act::background;
    if (stops) around_.in.spawn(want_it_again(order));
  }
}

net::awaitable<void> user::want_it_again(event order) {
  holdfast::timer pause(around_.in.executor());
  co_await pause.async_wait_until(clock::now() + order.span, net::as_tuple(net::use_awaitable));
  perform({.what = order.what == act::background ? act::foreground : act::connect});
}

void user::spring_traps() {
  between_turns_ = false;
  for (const auto& order : std::exchange(traps_, {})) perform(order);
  between_turns_ = true;
}

void user::perform(const event& order) {
  if (!conn_) return;
  around_.log.note(to_string(order.what), order.when == moment::at_a_transition ? " (in a listener)"
                                          : order.when == moment::at_a_login    ? " (at a login)"
                                          : order.when == moment::inside_a_turn ? " (in a turn)"
                                                                                : "");
  around_.states.told(order.what);
  switch (order.what) {
    case act::send:
    case act::receive:
    case act::receive_batch:
    case act::ping:
      return transfer(order);
    case act::next_state:
    case act::wait_for:
    case act::watch:
    case act::add_listener:
    case act::remove_listener:
      return look(order);
    case act::cancel:
      last_cancel_ = clock::now();
      return operations_.cancel(order.number);
    default:
      return tell(order);
  }
}

void user::tell(const event& order) {
  switch (order.what) {
    case act::connect:
      return connect(order.which == 0);
    case act::disconnect:
    case act::close:
    case act::cancel_run:
      return stop(order.what);
    case act::retry_now:
      return conn_->retry_now(order.which == 1);
    case act::network_changed:
      return conn_->network_changed();
    case act::background:
      return conn_->enter_background();
    case act::foreground:
      return conn_->enter_foreground();
    case act::destroy:
      return destroy();
    case act::handler:
      handler_leaves_ = order.number == 2;
      return order.number != 0 ? handle_messages() : conn_->set_message_handler({});
    case act::migrate:
      return conn_->migrate(operations_.start("migrate", [this](error_code ec) {
        around_.log.note("  moved: ", ec ? ec.message() : "done");
        if (ec == holdfast::error::upgrade_refused || ec == holdfast::error::unauthorized)
          around_.states.move_was_refused();
      }));
    default:
      return;
  }
}

void user::connect(bool waits) {
  if (!waits) return static_cast<void>(conn_->connect());
  const auto stopped = around_.states.stopped_session();
  conn_->connect(operations_.start("connect", [this, stopped](error_code ec, const observed_change& change) {
    if (ec) return;
    if (!transitions::is_open(change.to))
      around_.log.violated("connect() succeeds with ", to_string(change.to));
    if (stopped == change.session)
      around_.log.violated("connect() succeeds with session ", change.session, ", which was being closed");
  }));
}

void user::stop(act how) {
  const auto by = clock::now() + around_.what.options.close_timeout;
  const auto done = [this](error_code ec) { around_.log.note("  stopped: ", ec ? ec.message() : "done"); };
  if (how == act::cancel_run) {
    operations_.cancel_one(run_id_);
  } else if (how == act::close) {
    conn_->close(operations_.start("close", done));
    operations_.expect(operations_.last(), by);
  } else {
    conn_->disconnect(operations_.start("disconnect", done));
    operations_.expect(operations_.last(), by);
  }
  if (how == act::disconnect) return;
  closed_ = true;
  operations_.expect(run_id_, by);
}

void user::transfer(const event& order) {
  switch (order.what) {
    case act::send:
      return send(order);
    case act::receive:
      return receive(false);
    case act::receive_batch:
      return receive_batch(false);
    default:
      return conn_->ping(operations_.start("ping", [this](error_code ec, clock::duration trip) {
        around_.log.note("  ping: ", ec ? ec.message() : "answered", " after ", trip);
        if (!ec && trip < clock::duration{}) around_.log.violated("a ping took less than no time");
      }));
  }
}

void user::send(const event& order) {
  if (around_.v1 != nullptr) return send_v1(order);
  auto& mail = around_.mail;
  const auto kind = order.which == 0 || order.which == 2 ? message_kind::text : message_kind::binary;
  const auto id = mail.prepare(order.number, kind, order.which != 2);
  around_.log.note("  message ", id, ", ", order.number, " bytes");
  if (order.which == 3) {
    const bool nobody =
        between_turns_ && conn_->snapshot().final && conn_->status() == connection_state::disconnected;
    if (nobody && around_.states.rests()) around_.lost.lost_for_certain();
    numbers_.offers();
    return conn_->send(mail.payload(id), {kind}, net::detached);
  }
  pass_on(id);
}

void user::pass_on(std::size_t id) {
  auto& mail = around_.mail;
  mail.started(id, between_turns_ && around_.states.surely_open());
  numbers_.offers();
  conn_->send(
      mail.payload(id), {mail.kind(id)},
      operations_.start("send", [this, &mail, id, in = open_session()](const holdfast::send_result& result) {
        mail.settled(id, result);
        around_.states.settled(id, result, in);
      }));
}

std::uint64_t user::open_session() const {
  const auto seen = conn_->snapshot();
  return transitions::is_open(seen.to) ? seen.session : 0;
}

void user::send_v1(const event& order) {
  auto& mail = around_.v1->mail;
  const auto id = mail.prepare(order.how, order.number);
  around_.log.note("  message ", id, ", ", order.number, " bytes");
  mail.started(id, conn_->snapshot(), between_turns_ && around_.states.surely_open());
  numbers_.offers();
  if (order.how.detached) return conn_->send(mail.payload(id), mail.manner(id), net::detached);
  conn_->send(
      mail.payload(id), mail.manner(id),
      operations_.start("send", [this, &mail, id, in = open_session()](const holdfast::send_result& result) {
        mail.settled(id, result);
        around_.states.settled(id, result, in);
      }));
}

void user::took(error_code ec, const holdfast::message& one) {
  if (ec) return;
  numbers_.takes(1);
  check_session_of(one.session);
  if (around_.v1 != nullptr) return around_.v1->news.received(one.kind, one.payload);
  around_.mail.received(one.kind, one.payload);
  reply_to(one.payload);
}

void user::took(error_code ec, const holdfast::message_batch& all) {
  if (ec) return;
  numbers_.takes(all.size());
  check_session_of(all[all.size() - 1].session);
  if (around_.v1 != nullptr) return around_.v1->news.received_batch(all);
  around_.mail.received_batch(all);
  for (const auto each : all) reply_to(each.payload);
}

// In the turn of the message, and again up to half a second later, when its session may be ending.
void user::reply_to(std::string_view payload) {
  const auto what = parse_token(payload);
  if (!conn_ || !around_.what.replies || !what || !what->from_server) return;
  auto& mail = around_.mail;
  const bool surely = around_.states.is_calm() && around_.what.reader == reading::eager &&
                      last_cancel_ != clock::now() && mail.has_room_for_more();
  const auto id = mail.prepare(reply_bytes, message_kind::text, true);
  around_.log.note("  message ", id, " answers ", what->number, " of session ", what->session);
  if (surely) mail.answers(id, what->session);
  const bool before = std::exchange(between_turns_, false);
  pass_on(id);
  between_turns_ = before;
  around_.in.spawn(reply_later(40ms * (what->number % 12)));
}

net::awaitable<void> user::reply_later(clock::duration pause) {
  holdfast::timer later(around_.in.executor());
  co_await later.async_wait_until(clock::now() + pause, net::as_tuple(net::use_awaitable));
  if (closed_) co_return;
  perform_inside_a_turn({.what = act::send, .when = moment::inside_a_turn, .number = reply_bytes});
}

// Who always waits for the next message gets those of a session before its end is told (R64).
void user::check_session_of(std::uint64_t session) {
  const auto& last = around_.states.last();
  const bool always_waits = around_.what.reader == reading::eager && last_cancel_ != clock::now() &&
                            !closed_ && around_.what.options.limits.inbound_bytes >= (1U << 20U);
  if (!transitions::is_open(last.to) && session == last.session && always_waits && around_.v1 == nullptr &&
      last.to == connection_state::disconnected) {
    around_.log.violated("a message of session ", session, " comes after its end");
  }
}

void user::start_reading(reading how) {
  if (!conn_ || how == reading::lazy) return;
  if (how == reading::handler) return handle_messages();
  if (around_.what.reader == reading::handler) conn_->set_message_handler({});
  if (how == reading::eager) return receive_batch(true);
  if (how == reading::eager_single) return receive(true);
  around_.in.spawn(read_slowly());
}

void user::handle_messages() {
  conn_->set_message_handler([this](const holdfast::message_view& one) {
    numbers_.takes(1);
    if (!conn_) around_.log.violated("a message handler was called after the handle was destroyed");
    around_.v1 != nullptr ? around_.v1->news.received(one.kind, one.payload)
                          : around_.mail.received(one.kind, one.payload);
    if (std::exchange(handler_leaves_, false)) conn_->set_message_handler({});
  });
}

// A connection that has given up brings nothing any more.
bool user::goes_on(error_code ec) { return !ec || ec == net::error::operation_aborted; }

void user::read_again(bool batch) {
  if (!conn_ || closed_) return;
  batch ? receive_batch(true) : receive(true);
}

void user::receive(bool again) {
  conn_->receive(operations_.start("receive", [this, again](error_code ec, const holdfast::message& one) {
    took(ec, one);
    if (again && goes_on(ec)) read_again(false);
  }));
}

void user::receive_batch(bool again) {
  conn_->receive_batch(
      operations_.start("receive_batch", [this, again](error_code ec, const holdfast::message_batch& all) {
        took(ec, all);
        if (again && goes_on(ec)) read_again(true);
      }));
}

net::awaitable<void> user::read_slowly() {
  holdfast::timer pause(around_.in.executor());
  while (conn_ && !closed_) {
    receive(false);
    co_await pause.async_wait_until(clock::now() + 700ms, net::as_tuple(net::use_awaitable));
  }
}

void user::look(const event& order) {
  switch (order.what) {
    case act::next_state:
      return observers_.next_state(*conn_);
    case act::wait_for:
      return observers_.wait_for(*conn_, static_cast<connection_state>(order.number % 3));
    case act::watch:
      return observers_.watch(*conn_, order.span);
    case act::add_listener:
      return observers_.add_listener(*conn_, order.number, order.which == 1);
    default:
      return observers_.remove_listener(*conn_, order.number);
  }
}

void user::check() {
  operations_.check();
  if (conn_) numbers_.check(conn_->stats(), conn_->snapshot(), has_run(), around_);
  around_.mail.check_bounds();
  if (around_.v1 != nullptr) {
    around_.v1->throttles.check();
    around_.v1->news.check();
    around_.v1->mail.check();
    around_.v1->service.check();
  }
  if (conn_) around_.states.check(conn_->status(), around_.in.network()->open_links());
  if (conn_ && around_.states.has_given_up() && !has_run())
    around_.log.violated("the connection has given up, and run() goes on");
}

void user::destroy() {
  if (around_.v1 != nullptr) around_.v1->throttles.look_at({});
  std::exchange(conn_, std::nullopt).reset();
  around_.states.handle_destroyed();
  observers_.handle_destroyed();
}

namespace {

net::awaitable<void> hold([[maybe_unused]] holdfast::connection conn) {
  holdfast::timer forever(co_await net::this_coro::executor);
  co_await forever.async_wait_until(clock::time_point::max(), net::as_tuple(net::use_awaitable));
}

}  // namespace

void user::leave() {
  if (around_.v1 != nullptr) around_.v1->throttles.look_at({});
  if (conn_) around_.in.spawn(hold(std::move(*conn_)));
  conn_.reset();
}

}  // namespace sim
