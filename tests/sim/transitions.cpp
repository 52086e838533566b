// Each transition on its own, then the state of rest between two of them.
#include "transitions.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>

import holdfast.core;

namespace sim {

using holdfast::connection_state;
using holdfast::error;

namespace {

constexpr auto jump_is_seen_within = 5s;

}  // namespace

void transitions::saw(const holdfast::observed_change& change) {
  log_.note(change.sequence, ": ", describe(change), ", attempt ", change.attempt, ", session ",
            change.session);
  if (change.missed != 0) log_.violated("the first listener missed ", change.missed);
  if (gone_) log_.violated("a listener was called after the handle was destroyed");
  check_link(change);
  check_values(change);
  if (change.to == connection_state::connecting) check_connecting(change);
  if (change.to == connection_state::connecting) tried_ = change.origin;
  const bool opened = change.to == connection_state::connected && (!is_open(change.from) || is_move(change));
  last_opened_ = opened;
  if (opened) backoff_.connected();
  if (opened && stop_told_ && *stop_told_ < change.time)
    log_.violated("connected, though told to stop before");
  if (refused_ && is_move(change))
    log_.violated("message ", refused_->id, " is refused with no_connection, and its session only moves");
  refused_.reset();
  if (opened && is_move(change)) backoff_.moved(change.time - opened_);
  if (opened) opened_ = change.time;
  if (change.to == connection_state::connecting) undisturbed_ = true;
  if (change.to == connection_state::connecting) is_calm_ = links_are_calm_;
  if (change.to == connection_state::connecting) is_steady_ = links_are_steady_;
  if (opened) beside_wish_.reset();
  addresses_.saw(change);
  check_lost(change);
  if (change.final) check_final(change);
  if (change.to == connection_state::disconnected) note_end(change);
  // One that was told since is still to be heeded.
  if (change.to == connection_state::connecting || change.time > connect_) connect_waits_ = hope_ = false;
  if (!is_open(change.to)) stop_by_.reset();
  login_stop_by_.reset();
  if (change.to == connection_state::connecting) refusal_ = {};
  if (change.to == connection_state::connecting) leave_after_.reset();
  last_ = change;
  all_.push_back(change);
  if (plan_.flapping) check_flapping();
}

void transitions::note_end(const holdfast::state_change& change) {
  const auto length = is_open(last_.to) ? std::optional(change.time - opened_) : std::nullopt;
  const bool refused = refusal_.status != 0 && change.reason.http_status == refusal_.status;
  const bool leaves = change.reason.error == error::server_going_away;
  const auto wish = refused ? refusal_.retry_after : leaves ? leave_after_ : std::nullopt;
  backoff_.check(change, length, wish);
  const bool is_decided =
      !change.rule.empty() && change.rule != "asked" && change.rule != "retry-after" && change.rule != "gate";
  if (!wish || !is_decided) return;
  // Where it was, is not known any more if it has moved.
  if (plan_.endpoints && may_have_moved_) return wishes_.may_have_asked(*wish, change.time);
  wishes_.asked(tried_, *wish, change.time);
}

// What a server answers to a client that wants to move is not told.
void transitions::refused(unsigned status, std::optional<clock::duration> retry_after) {
  refusal_ = {status, retry_after};
  if (is_open(last_.to)) {
    const auto wish = retry_after.value_or(clock::duration{});
    beside_wish_ = std::min(beside_wish_.value_or(wish), wish);
  }
  if (!retry_after || !may_have_moved_) return;
  backoff_.asked_for_rest_beside_a_session();
  wishes_.may_have_asked(*retry_after, clock::now() + plan_.longest_way + plan_.options.deadlines.attempt);
}

// Where there are two endpoints it is not known which of them it was.
void transitions::move_was_refused() {
  const auto wish = beside_wish_;
  beside_wish_.reset();
  if (!wish || plan_.endpoints || !is_open(last_.to)) return;
  wishes_.asked(tried_, *wish, clock::now());
}

void transitions::links_are(bool calm, bool steady) {
  links_are_calm_ = calm;
  links_are_steady_ = steady;
  if (is_open(last_.to)) return;
  is_calm_ = is_calm_ && calm;
  is_steady_ = is_steady_ && steady;
}

bool transitions::is_legal(const holdfast::state_change& change) const {
  using enum connection_state;
  const bool takes_back = last_.retry_in && !change.retry_in;
  const bool promises = change.rule == "retry-after" && change.retry_in && !last_.retry_in;
  switch (change.from) {
    case disconnected:
      return change.to == connecting ||
             (change.to == disconnected &&
              (takes_back || promises || change.final != last_.final || connect_waits_ || hope_ ||
               connect_ == change.time || all_.empty()));
    case connecting:
      return change.to == connected || change.to == disconnected;
    case connected:
      return change.to == disconnected || (change.to == feature_throttled && speaks()) ||
             (change.to == connected && (is_move(change) || is_about_lateness(change)));
    case feature_throttled:
      return change.to != connecting;
  }
  return false;
}

void transitions::check_link(const holdfast::state_change& change) {
  using enum connection_state;
  if (change.sequence != last_.sequence + 1)
    log_.violated("number ", change.sequence, " follows ", last_.sequence);
  if (change.from != last_.to) log_.violated("from ", to_string(change.from), " after ", to_string(last_.to));
  if (change.time < last_.time) log_.violated("time went backwards");
  if (!is_legal(change))
    log_.violated("illegal transition ", to_string(change.from), " to ", to_string(change.to));
  const bool asked_before = connect_ == change.time;  // and heard before close() was
  if (closed_ && last_.final && !all_.empty() && change.to != disconnected && !asked_before)
    log_.violated("a transition after close()");
}

void transitions::check_values(const holdfast::state_change& change) {
  using enum connection_state;
  if (change.to != disconnected && (change.final || change.retry_in || change.reason.error)) {
    log_.violated(to_string(change.to), " with a reason, a retry or final");
  }
  if (change.final && change.retry_in) log_.violated("final, and retries");
  if (change.retry_in && *change.retry_in < clock::duration{}) log_.violated("negative retry_in");
  const bool only_waits = change.from == disconnected && change.rule == "retry-after";
  if (change.to == disconnected && !change.reason.error && !only_waits)
    log_.violated("disconnected without a reason");
  check_session(change);
  if (change.to == connecting && change.attempt != last_.attempt + 1 && change.attempt != 1) {
    log_.violated("attempt ", change.attempt, " after ", last_.attempt);
  }
  if (change.to == connected && change.peer.empty()) log_.violated("connected without an endpoint");
}

// A login that has failed counts as a session that was opened, too.
void transitions::check_session(const holdfast::state_change& change) {
  using enum connection_state;
  const bool opened = change.to == connected && (change.from == connecting || is_move(change));
  const bool login_failed = speaks() && change.session == last_.session + 1 &&
                            (change.from == connecting || (change.to == disconnected && is_move(change)));
  if (change.session != last_.session + (opened ? 1U : 0U) && !login_failed)
    log_.violated("session ", change.session, " after ", last_.session);
  if (change.features.empty() == (change.to == feature_throttled))
    log_.violated(to_string(change.to), " with ", change.features.size(), " features");
  if ((change.resumed || change.gap) && !(opened && speaks()))
    log_.violated(to_string(change.to), " says that a session is resumed");
}

// A promise is kept, unless a command cut the wait; without a promise somebody must have asked.
void transitions::check_connecting(const holdfast::state_change& change) {
  if (!plan_.endpoints || !may_have_moved_) wishes_.check_dial(change.origin, change.time);
  const auto is_now = [&](clock::time_point told) {
    return told <= change.time && change.time <= told + longest_turn();
  };
  if (last_.retry_in) {
    if (change.time > latest_retry()) log_.violated("the retry came late");
    const bool woken = jumped_ && change.time <= *jumped_ + jump_is_seen_within;
    if (change.time < last_.time + *last_.retry_in && !is_now(cut_) && !woken &&
        !may_be_woken_at(change.time))
      log_.violated("the retry came early");
    return;
  }
  // In the background it waits for the foreground, too.
  const bool asked = is_now(connect_) || ((connect_waits_ || hope_) && is_now(foreground_));
  if (last_.final && !asked) log_.violated("connecting, though final and nobody told it to");
  const bool first = all_.empty() && automatic_;
  if (!last_.final && !first && !is_now(connect_) && !is_now(foreground_)) {
    log_.violated("connecting without a promise or a command");
  }
}

// A command, or a suspend, has cut the wait, but then a server's wish had to be heeded.
bool transitions::may_be_woken_at(clock::time_point now) const {
  const bool was_cut = cut_ >= last_.time || (jumped_ && *jumped_ + jump_is_seen_within >= last_.time);
  return was_cut && wishes_.may_hold(now);
}

// A server that reads, answers pings, and can be reached is not silent, however slow the way to it is (R62).
void transitions::check_lost(const holdfast::state_change& change) {
  if (change.reason.error != error::liveness_lost || !is_open(change.from) || speaks()) return;
  const auto& beat = plan_.options.heartbeat;
  const auto answers = {conduct::echoes, conduct::closes};  // from the first moment on
  if (beat.unresponsive_after != 0s && !last_.unresponsive)
    log_.violated("a silent peer is lost, and was never called unresponsive");
  const bool is_there = std::ranges::find(answers, server_does_) != answers.end();
  if (is_there && undisturbed_ && is_steady_ && !may_have_moved_ && plan_.reader == reading::eager &&
      !beat.pong_only && beat.least_pong_deadline == 0s && beat.pong_deadline >= 10s) {
    log_.violated("a server that answers is declared lost");
  }
}

void transitions::check_final(const holdfast::state_change& change) {
  const auto& why = change.reason.error;
  if (!change.rule.empty()) {  // the policy's decision, checked by the model
    given_up_ = given_up_ || (automatic_ && !plan_.options.keep_running);
    closed_ = closed_ || given_up_;
    return;
  }
  const bool asked = why == error::disconnect_requested || why == error::closed ||
                     why == error::in_background || why == boost::asio::error::operation_aborted;
  const bool grace_over = background_ && !automatic_;
  if (!ever_told_to_stop_ || (!asked && !stopped_ && !grace_over)) {
    log_.violated("final without a reason: ", describe(change.reason));
  }
}

// Design.md section 4: at most 8 dials in the first minute. Each suspend is followed by one more.
void transitions::check_flapping() {
  std::size_t dials = 0;
  for (const auto& each : all_)
    dials += each.to == connection_state::connecting && each.time < all_[0].time + 60s;
  if (dials > 8 + jumps_)
    log_.violated("more than 8 dials in the first minute to a server that accepts and closes");
}

void transitions::told(act what) {
  const auto now = clock::now();
  told_at_ = now;
  if (grace_is_over()) stopped_session_ = last_.session;  // whatever is told now comes too late for it
  switch (what) {
    case act::connect:
      if (closed_) break;
      backoff_.may_reset();
      wishes_.overruled(now);
      connect_ = cut_ = now;
      stopped_ = false;
      if (!background_ || !automatic_) stop_told_.reset();
      connect_waits_ = last_.to == connection_state::disconnected;  // else it joins what is under way
      last_sign_ = now;
      break;
    case act::disconnect:
    case act::close:
    case act::cancel_run:
      hope_ = hope_ || connect_waits_;
      closed_ = closed_ || what != act::disconnect;
      stopped_ = ever_told_to_stop_ = true;
      connect_waits_ = false;
      [[fallthrough]];
    case act::background:
      if (what == act::background) {
        if (!background_) last_sign_ = now;
        background_ = true;
        if (!automatic_) ever_told_to_stop_ = true;  // it will be, if it stays there
        if (!automatic_) break;
      }
      if (!stop_told_) stop_told_ = now;
      if (!stop_by_ && is_open(last_.to)) {
        stop_by_ = now + plan_.options.close_timeout;
        stopped_session_ = last_.session;
      } else if (may_log_in() &&
                 (!login_stop_by_ || now >= *login_stop_by_)) {  // else it may be closing already
        login_stop_by_ = now + plan_.options.close_timeout;
        stopped_session_ = last_.session + 1;
      }
      break;
    case act::foreground:
      background_ = false;
      if (!stopped_) stop_told_.reset();
      // Within one instant nothing may have come of the background, and a later stop has a bound of its own.
      if (!stopped_ && login_stop_by_ == now + plan_.options.close_timeout) login_stop_by_.reset();
      foreground_ = now;
      break;
    case act::retry_now:
      wishes_.overruled(now);
      [[fallthrough]];
    case act::network_changed:
      addresses_.any_may_follow();
      backoff_.may_reset();
      cut_ = now;
      break;
    case act::ping:
      last_sign_ = now;
      break;
    case act::migrate:
      may_have_moved_ = true;
      leaves();
      break;
    default:
      break;
  }
}

void transitions::jumped(clock::duration by) {
  if (by > 0s) {
    jumped_ = clock::now();
    ++jumps_;
    addresses_.any_may_follow(jump_is_seen_within);
    wishes_.overruled(clock::now());
  }
  is_large_ = by >= holdfast::jump_threshold;
  if (by < 0s) set_back_ = clock::now();
}

// Who looks only now and then sees no jump that was taken back meanwhile.
bool transitions::jump_must_be_seen() const {
  const auto apart = jumped_ && set_back_ ? std::chrono::abs(*jumped_ - *set_back_) : clock::duration::max();
  return jumped_ && is_large_ && apart > jump_is_seen_within && clock::now() > *jumped_ + jump_is_seen_within;
}

void transitions::settled(std::size_t id, const holdfast::send_result& result, std::uint64_t session) {
  const bool goes_on = is_open(last_.to) && last_.session != stopped_session_ && !gone_ && !grace_is_over();
  if (result.reason == error::no_connection && goes_on) refused_ = {id, session};
}

void transitions::went_silent() {
  if (!is_open(last_.to) || lost_by_ || plan_.reader != reading::eager) return;
  if (may_be_leaving()) return;  // it may be closing, or logging in elsewhere
  const auto& beat = plan_.options.heartbeat;
  silent_session_ = last_.session;
  lost_by_ = clock::now() + beat.ping_interval + beat.pong_deadline + plan_.longest_way;  // it still arrives
}

void transitions::check(connection_state status, std::size_t open_links) {
  if (gone_) return;
  const auto now = clock::now();
  if (status != last_.to) log_.violated("status() is ", to_string(status), " after ", to_string(last_.to));
  switch (last_.to) {
    case connection_state::disconnected:
      if (open_links != 0) log_.violated("disconnected, and a link is open");
      check_disconnected();
      break;
    case connection_state::connecting:
      check_connecting(now);
      break;
    default:
      check_open(now);
      break;
  }
}

void transitions::check_disconnected() {
  lost_by_.reset();
  if (!running_ || closed_) return;
  if (last_.retry_in && clock::now() >= latest_retry()) log_.violated("a retry is overdue");
  if (jump_must_be_seen() && last_.time <= *jumped_ && last_.retry_in && !wishes_.may_hold(clock::now()))
    log_.violated("the machine was suspended, and the wait goes on");
  // A gate may delay an attempt for a microsecond, and the connection publishes nothing about that.
  if (clock::now() < std::max(told_at_, last_.time) + longest_turn()) return;
  if (connect_waits_ && last_.final && !(background_ && automatic_))
    log_.violated("told to connect, and nothing happens");
  const bool never_began = all_.empty() && (!automatic_ || stopped_);
  const bool excused = last_.final || last_.retry_in || (background_ && automatic_) || never_began;
  if (!excused) log_.violated("no attempt, no timer, not final");
}

void transitions::check_connecting(clock::time_point now) {
  const auto& given = plan_.options;
  const auto login = speaks() ? given.deadlines.login + given.close_timeout : 0ms;
  if (now > last_.time + given.deadlines.attempt + login) log_.violated("an attempt outlives its deadline");
  const bool is_closing = login_stop_by_ && now <= *login_stop_by_;
  if ((stopped_ || (background_ && automatic_)) && !is_closing)
    log_.violated("connecting, though told to stop");
}

void transitions::check_open(clock::time_point now) {
  const auto& given = plan_.options;
  if (stop_by_ && last_.session == stopped_session_ && now > *stop_by_)
    log_.violated("told to stop, still connected");
  if (refused_ && refused_->session == last_.session && last_.session != closing_session_)
    log_.violated("message ", refused_->id, " is refused with no_connection, and the session is open");
  const bool is_closing = stop_by_ || grace_is_over();  // for which it has another bound
  if (last_.session != silent_session_ || may_be_leaving() || is_closing) lost_by_.reset();
  if (lost_by_ && now > *lost_by_) log_.violated("a silent peer is not declared lost");
  if (!automatic_ && background_ && last_sign_ &&
      now > *last_sign_ + given.background_grace + given.close_timeout) {
    log_.violated("still connected in the background");
  }
}

}  // namespace sim
