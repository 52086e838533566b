// Bugs that can be switched on, one at a time, in a build with HOLDFAST_PLANTED_BUGS: `./dev sim --mutants`
// shows that the explorer finds each. In any other build has() is false when compiled, and nothing of them is
// left.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::planted {

enum class bug : std::uint8_t {
  none,
  wake_up_lost,                 // connect() and retry_now() do not wake the loop
  backoff_reset_at_once,        // each session that opens forgets the failures before it
  flapping_not_seen,            // any session counts as a stable one
  retry_after_ignored,          // what the server has asked for
  abandoned_socket_left_open,   // of an attempt that is given up
  moving_attempt_left_running,  // when the session ends that it would have replaced
  ready_after_stop,             // a login that succeeds while it is given up
  leaving_session_counts,       // connect() is content with a session that is being closed
  background_ignored,           // while there is no session
  liveness_never_lost,          // the missing pong
  close_without_bound,          // the peer may take any time to answer the close frame
  final_not_told,               // the end of hope after a promised retry
  change_skipped,               // a reader of states that is behind jumps to the newest
  cancel_missed,                // of a message under way
  message_never_settled,        // its operation goes without being completed
  doubt_told_as_not_sent,       // of a message that was written
  new_number_when_sent_again,   // so that the server cannot know it again
  control_inside_message,       // between the bytes of a frame
  lifted_throttle_forgotten,    // what waits for the feature goes on waiting
  earlier_expiry_missed,        // a time to live that ends before the one that is waited for
  gap_not_told,                 // of events that the server does not have any more
  hold_forgotten,               // what is sent during a move leaves on the old socket
  inbox_without_limit,          // a program that does not read is read for
  refusal_never_final,          // new credentials are asked for without end
  suspend_not_seen,             // by who waits for the next attempt
  handler_loses_one,            // of the messages that it had not seen when it was taken away
  endpoints_never_rest,         // the next one is tried at once each time
  deflater_kept,                // for a session that has not agreed to compression
  loss_in_silence,              // a message that nobody awaits is lost without a line in the log
  end_before_messages,          // a close frame counts before the messages that came with it
  upload_taken_for_silence,     // a peer that is still receiving is declared lost
  close_drops_messages,         // what was accepted before close() does not leave
  wish_overridden,              // of a server not to be dialled, by whatever wakes the loop
  run_outlives_hope,            // in automatic mode, of a connection that has given up
  failed_address_first,         // an address that has failed above TCP is not put behind
  next_address_for_ever,        // one that was tried already counts as untried
  interim_answer_counts,        // a 103 is taken for the server's answer
  refusal_final_at_once,        // whatever there was before it
  refusals_not_counted,         // each is the first
  given_up_asked_again,         // a provider that has given up
  dropped_leave_gap,            // messages behind a full inbox, and the next ones are handed out
  lingering_refuses,            // what is sent while a server's close frame is answered
  wish_forgotten_when_stable,   // what a server asked for, by a session that lasted
};

inline constexpr std::array<std::string_view, 44> names{
    "none",
    "wake_up_lost",
    "backoff_reset_at_once",
    "flapping_not_seen",
    "retry_after_ignored",
    "abandoned_socket_left_open",
    "moving_attempt_left_running",
    "ready_after_stop",
    "leaving_session_counts",
    "background_ignored",
    "liveness_never_lost",
    "close_without_bound",
    "final_not_told",
    "change_skipped",
    "cancel_missed",
    "message_never_settled",
    "doubt_told_as_not_sent",
    "new_number_when_sent_again",
    "control_inside_message",
    "lifted_throttle_forgotten",
    "earlier_expiry_missed",
    "gap_not_told",
    "hold_forgotten",
    "inbox_without_limit",
    "refusal_never_final",
    "suspend_not_seen",
    "handler_loses_one",
    "endpoints_never_rest",
    "deflater_kept",
    "loss_in_silence",
    "end_before_messages",
    "upload_taken_for_silence",
    "close_drops_messages",
    "wish_overridden",
    "run_outlives_hope",
    "failed_address_first",
    "next_address_for_ever",
    "interim_answer_counts",
    "refusal_final_at_once",
    "refusals_not_counted",
    "given_up_asked_again",
    "dropped_leave_gap",
    "lingering_refuses",
    "wish_forgotten_when_stable",
};
static_assert(static_cast<std::size_t>(bug::wish_forgotten_when_stable) + 1 == names.size());

#ifdef HOLDFAST_PLANTED_BUGS
inline bug active = bug::none;
inline bool has(bug one) noexcept { return one == active; }
#else
constexpr bool has(bug) noexcept { return false; }
#endif

}  // namespace holdfast::planted
