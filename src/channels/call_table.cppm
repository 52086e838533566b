// :call_table — the calls that have not ended: which may leave, which wait for their answer, and what becomes
// of them when their session or their time ends. Knows no socket and no lock; its owner guards it.
module;
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.channels:call_table;

import holdfast.core;
import :call;
import :pace;

namespace holdfast::channels {

class call_table {
 public:
  using operation = pending_operation<call_result>;

  // A request that is to be sent now; sent() has to follow.
  struct request {
    std::uint64_t id = 0;
    std::string frame{};
    std::string feature{};
    std::optional<clock::time_point> deadline{};
  };

  // `most_in_flight`: of those that wait for an answer; zero: any number. `per_second`: how many messages
  // leave, at most; zero: any number.
  call_table(std::size_t most_in_flight, double per_second)
      : most_in_flight_(most_in_flight), pace_(per_second) {}

  void add(request one, bool idempotent, operation op);
  // Those that may leave now, in the order in which they were added. `ready`: there is a session. Without one
  // the connection keeps them, but not if they are paced: it would send all of them at once.
  std::vector<request> take_requests(clock::time_point now, bool ready);
  // Any thread.
  [[nodiscard]] bool is_paced() const noexcept { return pace_.is_limited(); }
  // Whether a message that is no call may leave; it counts.
  bool take_turn(clock::time_point now);
  // Whether calls wait for the pace alone.
  [[nodiscard]] bool is_throttled(clock::time_point now);
  // How sending a request has ended.
  void sent(std::uint64_t id, const send_result& fate);
  // Returns false if no call with this id waits.
  bool answer(std::uint64_t id, json::value value, std::vector<std::string> attachments);
  bool refuse(std::uint64_t id, call_error why);
  // What was written in it, or before it, gets no answer any more.
  void session_ended(std::uint64_t number, error_code why);
  // Ends those whose time is over; returns their ids where the request was sent.
  std::vector<std::uint64_t> expire(clock::time_point now);
  // When expire() or take_requests() may have one; max: not before something happens.
  [[nodiscard]] clock::time_point next_time(bool ready);
  // Returns whether the request was sent.
  bool cancel(std::uint64_t id);
  void finish(error_code why);
  // Takes all out, to be destroyed without being completed: the context has ended.
  [[nodiscard]] auto take_all() { return std::exchange(calls_, {}); }
  [[nodiscard]] std::size_t size() const noexcept { return calls_.size(); }

 private:
  enum class place : std::uint8_t {
    waits,    // for its turn
    given,    // to the connection, which has not said yet whether it was written
    written,  // in session `written_in`
  };
  struct entry {
    request what;
    bool idempotent = false;
    operation op;
    place at = place::waits;
    std::uint64_t written_in = 0;  // a session; the last one, if it was sent again
    bool late = false;             // its deadline has passed while the connection had it
  };
  using entries = std::unordered_map<std::uint64_t, entry>;
  struct due {
    clock::time_point at;
    std::uint64_t id;
    bool operator>(const due& other) const { return std::tie(at, id) > std::tie(other.at, other.id); }
  };

  static call_outcome unless_it_left(const entry& one);
  [[nodiscard]] bool any_may_leave();
  entry* find(std::uint64_t id);
  void end(std::uint64_t id, call_result how);
  void in_doubt(entry& one, error_code why);
  void watch(clock::time_point deadline, std::uint64_t id);

  const std::size_t most_in_flight_;
  entries calls_;
  pace pace_;
  std::deque<std::uint64_t> waiting_;  // also such as have ended
  std::size_t in_flight_ = 0;
  std::uint64_t last_ended_ = 0;  // the number of a session
  error_code why_ended_;
  std::priority_queue<due, std::vector<due>, std::greater<>> deadlines_;  // also of calls that have ended
};

}  // namespace holdfast::channels
