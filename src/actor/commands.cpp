// The commands of the program. Each is posted to the strand, changes the intent there, and wakes the loop,
// which acts on the intent.
module;
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.core;

import :actor;
import :message_handler;

namespace holdfast {
namespace {

// A strand over the concrete executor saves one level of type erasure per dispatch.
net::any_io_executor make_strand_of(const net::any_io_executor& executor) {
  if (const auto* concrete = executor.target<net::io_context::executor_type>())
    return net::make_strand(*concrete);
  return net::make_strand(executor);
}

std::uint64_t entropy() {
  std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

}  // namespace

actor::actor(const net::any_io_executor& on, std::shared_ptr<const options> checked,
             retry_schedule::rules table)
    : where(std::make_shared<const executors>(on, make_strand_of(on))),
      executor(where->own),
      strand(where->strand),
      settings(std::move(checked)),
      log(std::make_shared<journal>(
          settings->log ? std::make_shared<const journal::function>(settings->log) : nullptr,
          settings->log_to_clog,
          settings->trace ? std::make_shared<const journal::record_function>(settings->trace) : nullptr)),
      times(registry::of(executor).times()),
      spoken(settings->protocol ? settings->protocol() : nullptr),
      channel(std::make_shared<state_channel>(executor, log)),
      in(std::make_shared<inbox>(settings->limits, where)),
      out(std::make_shared<outbox>(settings->limits, where, spoken, log, times)),
      memory_(std::make_shared<dial_memory>(*settings)),
      random_(settings->random_seed ? *settings->random_seed : entropy()),
      retry_({settings, &settings->retry}, std::move(table)),
      rotation_(1 + settings->endpoints.further_urls.size(), {settings, &settings->endpoints}),
      intent_(settings->mode, settings->background_grace),
      wake_(strand) {
  if (intent_.wants_session()) out->expect_session();
  if (!settings->receive_messages) in->finish(net::error::operation_not_supported);
  for (const auto& line : options_without_effect(*settings)) log->write(log_level::warning, line);
}

// The policy's table of rules is large, so only the schedule keeps it.
std::shared_ptr<actor> actor::make(net::any_io_executor on, options given) {
  validate(given);
  auto table = retry_schedule::share(std::exchange(given.retry.rules, {}));
  auto own = std::make_shared<const options>(std::move(given));
  return enrol(std::make_shared<actor>(std::move(on), std::move(own), std::move(table)));
}

std::shared_ptr<actor> actor::make(net::any_io_executor on, std::shared_ptr<const options> shared) {
  if (!shared) throw std::invalid_argument("connection: the shared options must not be null");
  validate(*shared);
  auto table = retry_schedule::share(shared->retry.rules);
  return enrol(std::make_shared<actor>(std::move(on), std::move(shared), std::move(table)));
}

std::shared_ptr<actor> actor::enrol(std::shared_ptr<actor> made) {
  made->registry_ = &registry::of(made->executor);
  made->registry_->add(made);
  return made;
}

actor::~actor() {
  if (registry_ != nullptr) registry_->remove(this, stats());
}

// Nothing runs any more. Pending operations are destroyed without completion, as Asio's own are.
void actor::context_ends() noexcept {
  registry_ = nullptr;
  const auto operations =
      std::make_tuple(std::exchange(run_, {}), std::exchange(settlers_, {}), std::exchange(migration_, {}),
                      std::exchange(exporter_, {}), std::exchange(login_, {}));
  channel->forget_waits();
  if (spoken) spoken->context_ends();
  in->forget_receivers();
  out->forget_senders();
  if (session_) session_->forget_pings();
}

template <class Command>
void actor::post(Command command) {
  net::post(strand, [self = shared_from_this(), command = std::move(command)]() mutable { command(*self); });
}

void actor::run(run_operation op) {
  has_begun_ = true;
  op.on_cancel(cancellation_with_effects, [self = weak_from_this()] {
    if (const auto alive = self.lock()) alive->close(net::error::operation_aborted);
  });
  post([op = std::move(op)](actor& self) mutable {
    if (self.running_) return op.complete(error::already_running);
    if (self.intent_.is_closed())
      return op.complete(self.run_result_ ? self.run_result_ : make_error_code(error::closed));
    self.running_ = true;
    self.run_ = std::move(op);
    self.registry_->run_begins(&self, self.executor, self.settings->watch_network);
    net::co_spawn(
        self.strand, [alive = self.shared_from_this()] { return alive->live(); },
        [alive = self.shared_from_this()](const std::exception_ptr& thrown) {
          if (thrown) std::rethrow_exception(thrown);
        });
  });
}

// Messages sent from now on may wait for the session.
void actor::connect() {
  out->expect_session();
  post([](actor& self) {
    if (self.intent_.is_closed()) return;
    self.trace_command("connect");
    self.out->expect_session();  // again, if expect_no_session() was called meanwhile
    if (const bool is_news = self.intent_.connect(); is_news) {
      self.attempt_ = 0;
      self.retry_.reset();
      self.rotation_.forget_failures();
    }
    self.rotation_.forget_wishes();
    self.keep_alive();
    self.interrupt();
  });
}

void actor::disconnect(close_reason how) {
  post([how = std::move(how)](actor& self) {
    self.trace_command("disconnect");
    self.stop_trying(error::disconnect_requested, how);
  });
}

void actor::close(error_code why, close_reason how) {
  post([why, how = std::move(how)](actor& self) {
    if (self.intent_.is_closed()) return;
    self.trace_command("close");
    self.intent_.close(why);
    if (why != error::closed) self.run_result_ = why;
    self.stop_trying(why, how);  // before retire(): accepted messages leave first
    self.out->retire(error::closed, why);
    if (self.running_) return;  // else finished() calls these
    self.channel->finish(why);
    self.in->finish(why);
  });
}

void actor::abandon() {
  channel->abandon();
  if (const auto handler = in->handler()) handler->set({});
  in->finish(net::error::operation_aborted);
  out->retire(net::error::operation_aborted, net::error::operation_aborted);
  post([](actor& self) {
    self.intent_.close(net::error::operation_aborted);
    self.run_result_ = net::error::operation_aborted;
    self.stop_trying(net::error::operation_aborted, {.code = close_codes::going_away});
    if (self.session_) self.session_->end({.error = net::error::operation_aborted, .at = stage::session});
    self.settlers_.complete_all(net::error::operation_aborted);
    self.stop_export();
  });
  log->sum_up();  // while the program can still receive the lines
}

// Closes the session and stops all attempts.
void actor::stop_trying(error_code why, const close_reason& how) {
  intent_.disconnect(why);
  end_background_watch();
  if (session_) session_->stop(how.code, how.text, why);
  wake_up();
}

// Ends the wait between two attempts.
void actor::interrupt() {
  retry_at_ = clock::time_point::min();
  wake_.notify();
}

void actor::wake_up() {
  wake_.notify();
  if (migration_) migration_->wake.notify();
}

void actor::retry_now(bool reset_backoff) {
  post([reset_backoff](actor& self) {
    self.trace_command("retry_now");
    if (reset_backoff) {
      self.retry_.reset();
      self.rotation_.forget_failures();
    }
    self.rotation_.forget_wishes();
    self.interrupt();
  });
}

void actor::network_changed() {
  post([](actor& self) {
    self.life_.network_changed();
    self.trace_event("network_changed");
    self.network_changed_ = !self.session_;
    self.rotation_.forget_failures();
    self.memory_->network_changed();
    if (self.session_) self.session_->probe();
    self.interrupt();
  });
}

// Ignores changes of interfaces that carry no route to the peer (R53).
void actor::network_changed(const network_news& news) {
  post([news](actor& self) {
    if (!self.routes_ || self.routes_->concerned_by(news)) self.network_changed();
  });
}

// The machine was suspended (R27). An open session may be dead, so it is probed. The wait between two
// attempts ends. An attempt goes on, because it has its own deadlines.
void actor::time_jumped() {
  post([](actor& self) {
    self.life_.clock_jumped();
    self.trace_event("clock_jumped");
    if (self.session_) self.session_->probe();
    self.interrupt();
  });
}

void actor::note(log_level level, std::string_view line) { log->write(level, line); }

void actor::enter_background() {
  post([](actor& self) {
    if (const bool is_news = self.intent_.enter_background(); !is_news) return;
    self.trace_command("enter_background");
    if (self.settings->mode == connect_mode::manual) return self.keep_alive();
    if (self.session_) self.session_->stop(close_codes::going_away, {}, error::in_background);
    self.wake_up();
  });
}

void actor::enter_foreground() {
  post([](actor& self) {
    self.trace_command("enter_foreground");
    self.intent_.enter_foreground();
    self.end_background_watch();
    self.wake_.notify();
  });
}

// Notes that the program uses the connection.
void actor::keep_alive() {
  intent_.used(clock::now());
  if (!background_watch_) watch_background();
}

// In manual mode in the background: closes the session once the last use is background_grace ago.
void actor::watch_background() {
  end_background_watch();
  const auto close_at = intent_.grace_ends();
  if (!close_at) return;
  if (clock::now() >= *close_at) return stop_trying(error::in_background, {.code = close_codes::going_away});
  background_watch_ = std::make_shared<wakeup>(strand);
  background_watch_->call_at(*close_at, [weak = weak_from_this(), watch = background_watch_] {
    const auto alive = weak.lock();
    if (alive && alive->background_watch_ == watch) alive->watch_background();
  });
}

void actor::end_background_watch() {
  if (const auto watch = std::exchange(background_watch_, nullptr)) watch->notify();
}

// The cancellation slot belongs to the caller, so it is set here, before the strand. A cancellation is posted
// to the strand behind the operation.
void actor::ping(session::ping_operation op) {
  const auto id = ++last_operation_;
  op.on_cancel(cancellation_with_effects, [weak = weak_from_this(), id] {
    const auto alive = weak.lock();
    if (!alive) return;
    alive->post([id](actor& self) {
      if (self.session_) self.session_->cancel_ping(id);
    });
  });
  post([op = std::move(op), id](actor& self) mutable {
    self.keep_alive();
    if (self.session_) return self.session_->ping(std::move(op), id);
    op.complete(self.intent_.is_closed() ? error::closed : error::no_connection, {});
  });
}

// Returns whether the open session is being closed and no other one follows at once.
bool actor::is_leaving() const {
  const bool moves = migration_ && migration_->has_socket() && session_->hands_over();
  return !intent_.goes_on() || (session_->is_ending() && !moves);
}

void actor::when_connected(state_channel::operation op) {
  const auto id = channel->reserve_wait();
  op.on_cancel([weak = weak_from_this(), id] {
    if (const auto alive = weak.lock()) alive->post([id](actor& self) { self.channel->cancel(id); });
  });
  post([op = std::move(op), id](actor& self) mutable {
    // A session that is being closed does not count: the caller waits for the next one.
    if (self.ready_since_ && !self.is_leaving())
      return op.complete({}, observed_change{self.channel->snapshot(), 0});
    self.channel->reach_next(connection_state::connected, std::move(op), id);
  });
}

void actor::when_settled(run_operation op) {
  const auto id = ++last_operation_;
  op.on_cancel([weak = weak_from_this(), id] {
    const auto alive = weak.lock();
    if (!alive) return;
    alive->post([id](actor& self) {
      if (auto waiting = self.settlers_.take(id)) waiting.complete(net::error::operation_aborted);
    });
  });
  post([op = std::move(op), id](actor& self) mutable {
    self.settlers_.add(id, std::move(op));
    if (!self.running_) self.settlers_.complete_all({});
    self.wake_.notify();
  });
}

}  // namespace holdfast
