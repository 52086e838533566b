/// :intent — what the program wants of a connection, as the sum of its commands. Pure: no clock, no lock, no
/// I/O.
module;
#include <chrono>
#include <cstdint>
#include <optional>

export module holdfast.core:intent;

import :error;
import :options;
import :time;

namespace holdfast {

/// Commands go in; whether a session is wanted, and the reason if none is, come out. Not thread-safe.
export class intent {
 public:
  /// Automatic mode wants a session from the start; manual mode waits for connect(). In the background,
  /// manual mode keeps its session for `grace` after the last sign that the program uses it.
  intent(connect_mode mode, clock::duration grace) noexcept
      : automatic_(mode == connect_mode::automatic), wanted_(automatic_), grace_(grace) {}

  /// Wants a session; no effect after close(). Returns whether none was wanted before.
  bool connect() noexcept;
  /// Wants no session until connect(), because of `why`.
  void disconnect(error_code why) noexcept;
  /// Wants no session ever again, because of `why`.
  void close(error_code why) noexcept;
  /// Notes that no further attempt is of any use: wants no session until connect().
  void give_up() noexcept { wanted_ = false; }
  /// As give_up(), and connect() has no effect any more.
  void give_up_for_good() noexcept { closed_ = true; }
  /// Notes that the program has gone to the background; automatic mode wants no session there. Returns
  /// whether it was in the foreground before.
  bool enter_background() noexcept;
  /// Notes that the program is in the foreground again.
  void enter_foreground() noexcept { in_background_ = false; }
  /// Notes a sign that the program uses the connection.
  void used(clock::time_point now) noexcept { last_use_ = now; }

  /// Returns whether a session should be open.
  [[nodiscard]] bool wants_session() const noexcept { return wanted_ && !closed_ && !is_away(); }
  /// Returns whether a session was wanted all the time since rest(): what was begun for it may go on.
  [[nodiscard]] bool goes_on() const noexcept { return wants_session() && !interrupted_; }
  /// Returns why no session was wanted when that was decided last.
  [[nodiscard]] error_code why_not() const noexcept { return why_not_; }
  /// Returns whether only a command of the program can lead to a session.
  [[nodiscard]] bool is_final() const noexcept { return !wanted_ || closed_; }
  /// Returns whether no command can lead to a session any more.
  [[nodiscard]] bool is_closed() const noexcept { return closed_; }
  /// Returns whether connect() was called since published().
  [[nodiscard]] bool is_asked() const noexcept { return asked_; }
  /// Returns when manual mode in the background wants its session no more; empty: that is not near.
  [[nodiscard]] std::optional<clock::time_point> grace_ends() const noexcept;

  /// Notes that nothing is open or under way: goes_on() counts from here.
  void rest() noexcept { interrupted_ = false; }
  /// Notes that observers got a state.
  void published() noexcept { asked_ = false; }

 private:
  [[nodiscard]] bool is_away() const noexcept { return automatic_ && in_background_; }

  bool automatic_;
  bool wanted_;
  bool closed_ = false;
  bool in_background_ = false;
  bool interrupted_ = false;  // by disconnect() or close(), even if connect() has followed
  bool asked_ = false;
  error_code why_not_{};
  clock::duration grace_;
  clock::time_point last_use_{};
};

}  // namespace holdfast
