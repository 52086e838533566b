// What a program tells the actor. Each command is posted to the strand, changes what is wanted there, and
// wakes the loop; the loop looks at what is wanted and does it.
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

module holdfast;

import :actor;
import :message_handler;

namespace holdfast {
namespace {

constexpr std::uint16_t going_away = 1001;  // RFC 6455 section 7.4.1

// A strand over the concrete executor spares one level of type erasure in each hop.
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
          settings->log_to_clog)),
      spoken(settings->protocol ? settings->protocol() : nullptr),
      channel(std::make_shared<state_channel>(executor, log)),
      in(std::make_shared<inbox>(settings->limits, where)),
      out(std::make_shared<outbox>(settings->limits, where, spoken, log)),
      memory_(std::make_shared<dial_memory>(*settings)),
      random_(settings->random_seed ? *settings->random_seed : entropy()),
      retry_({settings, &settings->retry}, std::move(table)),
      rotation_(1 + settings->endpoints.further_urls.size(), {settings, &settings->endpoints}),
      wake_(strand),
      background_wake_(strand),
      told_final_(settings->mode == connect_mode::manual),
      wanted_(settings->mode == connect_mode::automatic) {
  if (wanted_) out->expect_session();
  if (!settings->receive_messages) in->finish(net::error::operation_not_supported);
  for (const auto& line : options_without_effect(*settings)) log->write(log_level::warning, line);
}

// The table of the policy is large: only the schedule keeps one.
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
  if (registry_ != nullptr) registry_->remove(this);
}

// Nothing runs any more. Operations go without being completed, as Asio's own do.
void actor::context_ends() noexcept {
  registry_ = nullptr;
  const auto operations =
      std::make_tuple(std::exchange(run_, {}), std::exchange(settlers_, {}), std::exchange(migration_, {}));
  channel->forget_waits();
  in->forget_receivers();
  out->forget_senders();
  if (session_) session_->forget_pings();
}

template <class Command>
void actor::post(Command command) {
  net::post(strand, [self = shared_from_this(), command = std::move(command)]() mutable { command(*self); });
}

void actor::run(run_operation op) {
  op.on_cancel([self = weak_from_this()] {
    if (const auto alive = self.lock()) alive->close(net::error::operation_aborted);
  });
  post([op = std::move(op)](actor& self) mutable {
    if (self.running_) return op.complete(error::already_running);
    if (self.closing_)
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

// What is sent from now on may wait for the session.
void actor::connect() {
  out->expect_session();
  post([](actor& self) {
    if (self.closing_) return;
    self.out->expect_session();  // again, if what was before has ended meanwhile
    if (!self.wanted_) {
      self.attempt_ = 0;
      self.retry_.reset();
      self.rotation_.forget_failures();
    }
    self.wanted_ = true;
    self.asked_ = true;
    if (self.away_) self.stop_reason_ = error::in_background;  // until the foreground
    self.rotation_.forget_wishes();
    self.keep_alive();
    self.interrupt();
  });
}

void actor::disconnect(close_reason how) {
  post([how = std::move(how)](actor& self) { self.stop_trying(error::disconnect_requested, how); });
}

void actor::close(error_code why, close_reason how) {
  post([why, how = std::move(how)](actor& self) {
    if (self.closing_) return;
    self.closing_ = true;
    if (why != error::closed) self.run_result_ = why;
    self.stop_trying(why, how);  // first: what was accepted leaves
    self.out->retire(error::closed, why);
    if (self.running_) return;  // else finished() tells those who wait
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
    self.closing_ = true;
    self.run_result_ = net::error::operation_aborted;
    self.stop_trying(net::error::operation_aborted, {.code = going_away});
    if (self.session_) self.session_->end({.error = net::error::operation_aborted, .at = stage::session});
    self.settlers_.complete_all(net::error::operation_aborted);
  });
  log->sum_up();  // while the program is still there to hear it
}

// Nothing is to be open or tried from now on.
void actor::stop_trying(error_code why, const close_reason& how) {
  wanted_ = false;
  told_to_stop_ = true;
  stop_reason_ = why;
  if (session_) session_->stop(how.code, how.text, why);
  wake_up();
}

// Ends the wait between two attempts.
void actor::interrupt() {
  interrupted_ = true;
  wake_.notify();
}

void actor::wake_up() {
  wake_.notify();
  if (migration_) migration_->wake.notify();
}

void actor::retry_now(bool reset_backoff) {
  post([reset_backoff](actor& self) {
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
    self.network_changed_ = !self.session_;
    self.rotation_.forget_failures();
    self.memory_->network_changed();
    if (self.session_) self.session_->probe();
    self.interrupt();
  });
}

// What the machine's other links do is no news for us (R53).
void actor::network_changed(const network_news& news) {
  post([news](actor& self) {
    if (!self.routes_ || self.routes_->concerned_by(news)) self.network_changed();
  });
}

// The machine was suspended (R27). What is open may long be dead; what waits has waited long enough. An
// attempt goes on: it has deadlines of its own.
void actor::time_jumped() {
  post([](actor& self) {
    if (self.session_) self.session_->probe();
    self.interrupt();
  });
}

void actor::note(log_level level, std::string_view line) { log->write(level, line); }

void actor::enter_background() {
  post([](actor& self) {
    if (std::exchange(self.in_background_, true)) return;
    if (self.settings->mode == connect_mode::manual) return self.keep_alive();
    self.away_ = true;
    self.stop_reason_ = error::in_background;
    if (self.session_) self.session_->stop(going_away, {}, error::in_background);
    self.wake_up();
  });
}

void actor::enter_foreground() {
  post([](actor& self) {
    self.in_background_ = false;
    self.away_ = false;
    self.background_wake_.notify();
    self.wake_.notify();
  });
}

// Manual mode in the background: a sign that the program still wants the connection.
void actor::keep_alive() {
  last_keep_alive_ = clock::now();
  if (settings->mode != connect_mode::manual || !in_background_ || std::exchange(watching_background_, true))
    return;
  net::co_spawn(
      strand, [alive = shared_from_this()] { return alive->watch_background(); },
      [alive = shared_from_this()](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
}

net::awaitable<void> actor::watch_background() {
  while (in_background_ && wanted_ && !closing_) {
    const auto close_at = last_keep_alive_ + settings->background_grace;
    if (clock::now() >= close_at) {
      stop_trying(error::in_background, {.code = going_away});
    } else {
      co_await background_wake_.wait_until(close_at);
    }
  }
  watching_background_ = false;
}

// The cancellation slot is the user's: it is set here, on the user's side, and its call follows the operation
// to the strand.
void actor::ping(session::ping_operation op) {
  const auto id = ++last_operation_;
  op.on_cancel([weak = weak_from_this(), id] {
    const auto alive = weak.lock();
    if (!alive) return;
    alive->post([id](actor& self) {
      if (self.session_) self.session_->cancel_ping(id);
    });
  });
  post([op = std::move(op), id](actor& self) mutable {
    self.keep_alive();
    if (self.session_) return self.session_->ping(std::move(op), id);
    op.complete(self.closing_ ? error::closed : error::no_connection, {});
  });
}

// The session that is open is being closed, and no other one follows at once.
bool actor::is_leaving() const {
  const bool moves = migration_ && migration_->next && session_->hands_over();
  return told_to_stop_ || !may_connect() || (session_->is_ending() && !moves);
}

void actor::when_connected(state_channel::operation op) {
  const auto id = channel->reserve_wait();
  op.on_cancel([weak = weak_from_this(), id] {
    if (const auto alive = weak.lock()) alive->post([id](actor& self) { self.channel->cancel(id); });
  });
  post([op = std::move(op), id](actor& self) mutable {
    // A session that is being closed is not the one that was asked for.
    if (self.ready_since_ && !self.is_leaving())
      return op.complete({}, observed_change{self.channel->snapshot(), 0});
    self.channel->reach_next(connection_state::connected, std::move(op), id);
  });
}

void actor::when_settled(run_operation op) {
  const auto id = ++last_operation_;
  op.on_cancel([weak = weak_from_this(), id] {
    if (const auto alive = weak.lock()) alive->cancel_settler(id);
  });
  post([op = std::move(op), id](actor& self) mutable {
    self.settlers_.add(id, std::move(op));
    if (!self.running_) self.settlers_.complete_all({});
    self.wake_.notify();
  });
}

void actor::cancel_settler(std::uint64_t id) {
  post([id](actor& self) {
    if (auto op = self.settlers_.take(id)) op.complete(net::error::operation_aborted);
  });
}

}  // namespace holdfast
