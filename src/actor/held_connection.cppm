// :held_connection — a connection as the lease sees it to which it is attached (holdfast.fleet). No part of
// what programs use of a connection.
module;
#include <functional>
#include <memory>
#include <string>
#include <string_view>

export module holdfast.core:held_connection;

import :authority;
import :connection;
import :error;
import :message;

namespace holdfast {

export class held_connection {
 public:
  using snapshot_handler = std::function<void(std::string)>;

  virtual ~held_connection() = default;
  // From now on nothing is delivered or sent unless `given` holds. Before run(); throws std::logic_error.
  virtual void act_while(std::shared_ptr<const authority> given) = 0;
  // The authority holds again, or for longer. Any thread.
  virtual void authority_renewed() = 0;
  // The authority is gone for good: the socket is closed at once, and nothing more is delivered. Any thread.
  virtual void authority_lost() = 0;
  // Calls `then` on the strand with what another connection needs if this one stops without a word: the state
  // of its protocol, up to the last message that the program is done with. Empty: nothing new. Any thread.
  virtual void snapshot(snapshot_handler then) = 0;
  // Closes as connection::export_state() does, and calls `then` on the strand with what that has left; empty:
  // nothing can go on. Any thread.
  virtual void leave(snapshot_handler then) = 0;
  // Gives the connection what another one has left. Before run(); throws std::invalid_argument.
  virtual void resume(std::string_view state) = 0;
  // Sends a message; calls `then` with what has become of it. Any thread.
  virtual void send_for_another(std::string_view payload, const send_options& how,
                                std::function<void(send_result)> then) = 0;
  // The snapshot is where another connection will find it: the server need not keep what came before. Any
  // thread.
  virtual void snapshot_stored(std::string state) = 0;
};

// What a third connection may go on with if the second, which was given `state`, stops without a word: the
// second may have sent messages, whose numbers are left out, and those that have no number yet. Empty:
// nothing.
export std::string state_for_third(std::string_view state);

// Shared with run() and the operations of the connection, as all behind the handle is.
export std::shared_ptr<held_connection> held(const connection& of);

}  // namespace holdfast
