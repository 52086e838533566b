// The states as the first listener sees them, checked against what design.md promises (sections 2 and 4)
// and against what the user has told the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backoff_model.hpp"
#include "journal.hpp"
#include "plan.hpp"
#include "second_address.hpp"
#include "wish_model.hpp"

import holdfast;

namespace sim {

class transitions {
 public:
  transitions(journal& log, const plan& from)
      : log_(log),
        plan_(from),
        backoff_(log, from),
        wishes_(log, from),
        addresses_(log, from),
        automatic_(is_automatic(from)),
        stopped_(!automatic_) {}

  void saw(const holdfast::observed_change& change);
  // What the user does, before it is done.
  void told(act what);
  void ran() { running_ = true; }
  // The server is about to answer the upgrade with this.
  void refused(unsigned status, std::optional<clock::duration> retry_after);
  // A session has begun at a server that does this.
  void served(conduct how) { server_does_ = how; }
  // The server is about to end the session by a close frame, or by breaking the rules.
  void server_ends() { leaves(); }
  // Nothing arrives any more on some of the ways, or they have become others.
  void links_changed() { undisturbed_ = false; }
  second_address& addresses() noexcept { return addresses_; }
  // In automatic mode, and nobody has asked for it: run() has to end.
  [[nodiscard]] bool has_given_up() const noexcept { return given_up_; }
  // The server of the protocol asks the client to leave, and not to come back before.
  void asked_to_leave(clock::duration wait) {
    leave_after_ = wait;
    if (wait == clock::duration{}) may_have_moved_ = true;
    leaves();
    if (wait != clock::duration{}) closing_session_ = leaving_session_;
  }
  // The wall clock jumps; by how much.
  void jumped(clock::duration by);
  // What has become of a message, and in which session the state was when it was sent; 0: in none.
  void settled(std::size_t id, const holdfast::send_result& result, std::uint64_t session);
  // How new links are from now on: `calm`, wide and quick; `steady`, some of what is under way arrives all
  // the time.
  void links_are(bool calm, bool steady);
  // Nothing but the server can be the reason if what is sent now does not leave in the session that is open.
  [[nodiscard]] bool is_calm() const {
    return is_open(last_.to) && last_.session != stopped_session_ && !gone_ && !grace_is_over() && is_calm_ &&
           undisturbed_ && !may_have_moved_;
  }
  // The server has answered to an attempt to move that it wants to be left alone, and the client knows.
  void move_was_refused();
  // The session that is being closed because the user wants it; empty: none.
  [[nodiscard]] std::optional<std::uint64_t> stopped_session() const {
    return stop_by_ ? std::optional(stopped_session_) : std::nullopt;
  }
  // Nothing arrives any more from now on, for the session that is open.
  void went_silent();
  // When everything that could happen now has happened.
  void check(holdfast::connection_state status, std::size_t open_links);

  [[nodiscard]] const std::vector<holdfast::state_change>& all() const noexcept { return all_; }
  [[nodiscard]] const holdfast::state_change& last() const noexcept { return last_; }
  // A second link may have been open, beside the one of the session.
  [[nodiscard]] bool may_have_moved() const noexcept { return may_have_moved_; }
  // The last transition tells of a session that has begun.
  [[nodiscard]] bool last_opened() const noexcept { return last_opened_; }
  // Connected for certain, and nothing is known that would end it.
  [[nodiscard]] bool surely_open() const {
    return is_open(last_.to) && last_.session != stopped_session_ && !may_be_leaving() && !gone_ &&
           !grace_is_over();
  }
  // Final, and nothing has been told since that could change it.
  [[nodiscard]] bool rests() const {
    return last_.final && connect_ < last_.time && !connect_waits_ && !hope_;
  }
  [[nodiscard]] bool must_come_back() const {
    return automatic_ && running_ && !last_.final && !stopped_ && !gone_;
  }
  void handle_destroyed() noexcept { gone_ = true; }
  [[nodiscard]] static bool is_open(holdfast::connection_state state) {
    return state == holdfast::connection_state::connected ||
           state == holdfast::connection_state::feature_throttled;
  }

 private:
  static bool is_automatic(const plan& from) {
    return from.options.mode == holdfast::connect_mode::automatic;
  }
  // Manual mode in the background without a sign of the program: it is being closed.
  [[nodiscard]] bool grace_is_over() const {
    return !automatic_ && background_ && last_sign_ &&
           holdfast::clock::now() >= *last_sign_ + plan_.options.background_grace;
  }
  // The session that is open, or about to be told.
  void leaves() { leaving_session_ = last_.session + (is_open(last_.to) ? 0 : 1); }
  // At the gate of these worlds, if there is one.
  [[nodiscard]] clock::duration longest_turn() const {
    return plan_.options.gate ? clock::duration(std::chrono::microseconds(1)) : clock::duration();
  }
  // Of a transition that announces one.
  [[nodiscard]] clock::time_point latest_retry() const {
    return last_.time + *last_.retry_in + longest_turn();
  }
  // Asked to, or by itself, before its lifetime is over.
  [[nodiscard]] bool may_be_leaving() const {
    return last_.session == leaving_session_ || plan_.options.session.lifetime != clock::duration();
  }
  // From an open session to the next.
  // The peer has stopped to answer, or answers again.
  [[nodiscard]] bool is_about_lateness(const holdfast::state_change& change) const {
    return change.session == last_.session && change.unresponsive != last_.unresponsive;
  }
  [[nodiscard]] bool is_move(const holdfast::state_change& change) const {
    return may_have_moved_ && is_open(change.from) && change.session == last_.session + 1;
  }
  [[nodiscard]] bool speaks() const { return static_cast<bool>(plan_.options.protocol); }
  // A protocol does so while the state is still connecting: there may be a session to close.
  [[nodiscard]] bool may_log_in() const {
    return speaks() && last_.to == holdfast::connection_state::connecting;
  }
  void check_link(const holdfast::state_change& change);
  [[nodiscard]] bool is_legal(const holdfast::state_change& change) const;
  void check_session(const holdfast::state_change& change);
  void check_values(const holdfast::state_change& change);
  void check_connecting(const holdfast::state_change& change);
  void check_final(const holdfast::state_change& change);
  void check_flapping();
  void check_lost(const holdfast::state_change& change);
  [[nodiscard]] bool jump_must_be_seen() const;
  void note_end(const holdfast::state_change& change);
  [[nodiscard]] bool may_be_woken_at(clock::time_point now) const;
  void check_disconnected();
  void check_connecting(clock::time_point now);
  void check_open(clock::time_point now);

  struct refusal {
    unsigned status = 0;
    std::optional<clock::duration> retry_after{};
  };
  struct refused_message {
    std::size_t id = 0;
    std::uint64_t session = 0;  // 0: none was open when it was sent
  };

  journal& log_;
  const plan& plan_;
  backoff_model backoff_;
  wish_model wishes_;
  second_address addresses_;
  conduct server_does_ = conduct::silent;
  bool undisturbed_ = false;  // since its attempt began
  bool given_up_ = false;
  const bool automatic_;
  std::vector<holdfast::state_change> all_;
  holdfast::state_change last_{};
  refusal refusal_;
  std::optional<clock::duration> leave_after_;
  std::uint64_t leaving_session_ = 0;
  std::uint64_t closing_session_ = 0;           // we close it, because the server wants us to leave
  std::optional<clock::duration> beside_wish_;  // the least of those that asked for rest beside a session
  bool links_are_calm_ = true;
  bool links_are_steady_ = true;
  bool is_steady_ = false;
  bool is_calm_ = false;        // the link of the session
  std::string tried_;           // origin of the endpoint of the last attempt
  clock::time_point opened_{};  // the session, if one is open

  clock::time_point told_at_{};
  bool may_have_moved_ = plan_.options.session.lifetime != clock::duration();
  bool last_opened_ = false;
  bool running_ = false;
  bool gone_ = false;
  bool background_ = false;
  bool closed_ = false;
  bool stopped_;                // by disconnect() or close(), or connect() has not been told in manual mode
  bool connect_waits_ = false;  // connect() was told, and nothing has happened since
  bool hope_ = false;           // that was so, and is no more
  bool ever_told_to_stop_ = false;
  std::optional<clock::time_point>
      stop_told_;                            // the last time that it was told so, until it is told otherwise
  std::optional<clock::time_point> jumped_;  // the wall clock, forward, as if there had been a suspend
  std::size_t jumps_ = 0;
  bool is_large_ = false;                           // enough to be noticed; smaller ones may add up to that
  std::optional<clock::time_point> set_back_;       // somebody set it back
  std::optional<refused_message> refused_;          // for want of a session, while one is open
  clock::time_point cut_{};                         // when a wait was last cut short
  clock::time_point connect_{};                     // when connect() was last told
  clock::time_point foreground_{};                  // likewise
  std::optional<clock::time_point> stop_by_;        // the session that was open must be gone by then
  std::optional<clock::time_point> login_stop_by_;  // the same for one that may be logging in
  std::uint64_t stopped_session_ = 0;
  std::optional<clock::time_point> last_sign_;  // of a manual connection in the background
  std::optional<clock::time_point> lost_by_;    // a silent session must be declared lost by then
  std::uint64_t silent_session_ = 0;
};

}  // namespace sim
