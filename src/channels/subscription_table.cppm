// :subscription_table — which channels are wanted, which of them the server serves, and which are to be asked
// for next. Knows no socket, no frame and no lock; its owner guards it.
module;
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast.channels:subscription_table;

import holdfast.core;
import :call;
import :item_queue;
import :pace;
import :subscription_item;

namespace holdfast::channels {

class subscription_table {
 public:
  // One channel, which several subscribers of the program may share.
  struct entry {
    std::string key{};  // the name with the parameters
    std::string name{};
    json::value params{};
    std::string alias{};     // the server's name for it in this session; empty: the channel's own
    std::string position{};  // behind the last event that came
    bool important = false;
    subscription_state state = subscription_state::subscribing;
    std::uint64_t id = 0;     // of the request in this session; zero: not asked for
    bool was_served = false;  // when the last session that was ready ended
    bool has_worked = false;  // at any time
    unsigned refusals = 0;    // in a row
    std::vector<std::shared_ptr<item_queue>> subscribers{};
  };
  using pointer = std::shared_ptr<entry>;

  // `per_second`: how many channels are asked for, at most, with a burst of as many; zero: any number. An
  // answer is due within `patience`.
  subscription_table(double per_second, clock::duration patience);

  // Returns the entry that the subscriber shares from now on.
  // `alias`: the server's name for the channel, if that is known already.
  pointer join(std::string_view name, std::string alias, const subscribe_options& how,
               std::shared_ptr<item_queue> subscriber);
  // Returns the entry if nobody wants it any more and the server has to be told so.
  pointer leave(const pointer& from, const std::shared_ptr<item_queue>& subscriber);

  // Whether the present session can be asked; false: it ended, for this reason.
  void session_ready(bool resumed);
  void session_ended(error_code why);
  // The entry that is to be asked for next; null: none now. Counts as asked, under this id.
  pointer take_next(clock::time_point now, std::uint64_t id);
  // Those that the server has not answered in time. Each is then to be refused() for now.
  std::vector<pointer> take_overdue(clock::time_point now);
  // Those that were asked for have all of their time before them.
  void be_patient(clock::time_point now);
  // When take_next() or take_overdue() may have one; max: not before something happens.
  [[nodiscard]] clock::time_point next_time() const;

  // Those that the server was asked for in this session.
  [[nodiscard]] std::vector<pointer> asked() const;
  [[nodiscard]] pointer by_id(std::uint64_t id) const;
  // Null if none has it.
  [[nodiscard]] pointer by_alias(std::string_view alias) const;
  // The server's name for it; empty: none.
  void set_alias(const pointer& one, std::string alias);
  // `confirmed`: by the server, and not only asked for.
  void accepted(const pointer& one, std::string alias, const subscribed& how, bool confirmed);
  // The server has confirmed it, or sent an event.
  static void has_worked(entry& one);
  // Permanently, or until another attempt.
  void refused(const pointer& one, call_error why, bool permanent, clock::time_point now);
  // By the server.
  void completed(const pointer& one, subscription_end why, call_error error);
  void lost(const pointer& one, error_code why, clock::time_point now);
  void finish(error_code why);
  [[nodiscard]] bool any_holds_socket() const;
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::vector<item_queue::receivers> take_receivers();

 private:
  void want(const pointer& one);
  void remove(const pointer& one);
  void forget_request(entry& one);
  pointer pop_wanted(clock::time_point now);

  pace pace_;
  std::map<std::string, pointer, std::less<>> entries_;  // by key
  std::unordered_map<std::uint64_t, pointer> by_id_;
  std::map<std::string, pointer, std::less<>> by_alias_;
  // To be asked for, in order of arrival; entries that need it no more are passed over.
  std::deque<pointer> important_;
  std::deque<pointer> others_;
  std::multimap<clock::time_point, pointer> later_;  // refused for now
  const clock::duration patience_;
  std::deque<std::pair<clock::time_point, std::uint64_t>>
      asked_;  // when, in which request; also answered ones
  bool may_ask_ = false;
};

}  // namespace holdfast::channels
