// :gate_visit — one attempt before the gate: asks in a coroutine of its own, because a gate of the program's
// may hang, and takes the permit back when the attempt is not wanted any more.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

module holdfast.core:gate_visit;

import :dial_gate;
import :journal;
import :time;

namespace holdfast {

// On the strand of the actor; shared by the actor and its own coroutine, because either may end first.
class gate_visit : public std::enable_shared_from_this<gate_visit> {
 public:
  using note_function = std::function<void(log_level, std::string_view)>;

  // `note` gets lines for the log.
  gate_visit(std::shared_ptr<dial_gate> gate, dial_request wanted, note_function note);

  // Calls `on_news` when the attempt may begin.
  void start(const net::any_io_executor& strand, std::function<void()> on_news);
  // It is not wanted any more.
  void give_up();
  // The attempt may begin, and is under way until this object is destroyed, or until give_up().
  [[nodiscard]] bool is_admitted() const noexcept { return admitted_; }

 private:
  static net::awaitable<dial_permit> ask(std::shared_ptr<gate_visit> self);
  static net::awaitable<bool> ask_once(gate_visit& self, dial_permit& got);

  const std::shared_ptr<dial_gate> gate_;  // shared with other connections
  const dial_request wanted_;
  const note_function note_;
  std::function<void()> on_news_;
  net::cancellation_signal cancel_;
  dial_permit permit_;
  bool admitted_ = false;
  bool given_up_ = false;
};

}  // namespace holdfast
