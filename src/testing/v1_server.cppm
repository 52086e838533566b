/// :v1_server — a backend that speaks holdfast.v1 (docs/protocol.md), for tests of a program that does. It
/// keeps to the protocol by itself: logins, sessions that go on, events that are kept and sent again,
/// messages that count once. A test says only what it wants to be otherwise. It stands on a `server`, and so
/// in a world, behind a real port, or over TLS.
module;
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.testing:v1_server;

import holdfast;
import :server;

namespace holdfast::testing {

/// What a client wants to go on with.
export struct v1_resume {
  std::string session{};       ///< its name, as the server gave it in `ready`
  std::uint64_t last_seq = 0;  ///< the last event that it has got
};

/// A login, as the client asked for it.
export struct v1_hello {
  std::string client{};               ///< its name, the same in all its sessions
  std::string token{};                ///< of its credential provider; empty: none
  std::optional<v1_resume> resume{};  ///< empty: it wants to begin
};

/// A message of a client.
export struct v1_message {
  std::string client{};  ///< the name of the client that sent it
  /// its number; grows with each message of the client, and stays when it is sent again
  std::uint64_t id = 0;
  std::string feature{};  ///< empty: none
  std::string data{};     ///< JSON, as the client wrote it
};

/// The frame "error". Codes with a meaning of their own: "unauthorized".
export struct v1_error {
  std::string code = "internal";  ///< what went wrong, for programs
  std::string text{};             ///< for people
  bool fatal = false;             ///< do not come back
};

/// A feature that must not be used.
export struct v1_throttled {
  std::string name{};                                ///< as `send_options::feature` has it
  std::string reason{};                              ///< for people
  std::optional<std::chrono::milliseconds> lasts{};  ///< then it is lifted; empty: until throttle() says so
};

/// The frame "go_away".
export struct v1_go_away {
  std::string reason{};                      ///< for people
  std::chrono::milliseconds reconnect_in{};  ///< zero: to another socket at once, without a break
  std::string endpoint{};                    ///< the URL to go to; empty: not said
};

/// A backend that speaks holdfast.v1. All members may be called from any thread. What they send leaves in
/// the order of the calls. The functions given to on_hello() and on_message() run on the strand of the
/// socket concerned, one call at a time for each socket; they may call all members. What they throw comes
/// out of the function that runs the executor.
export class v1_server {
 public:
  /// Decides about one login: the error with which it is refused; empty: it is accepted.
  using gate = std::function<std::optional<v1_error>(const v1_hello&)>;
  /// Gets one message of a client.
  using message_handler = std::function<void(const v1_message&)>;

  /// Sets on_upgrade() and on_session() of `behind`; where a test has set them to something else for a while,
  /// serve(behind) brings this backend back.
  explicit v1_server(server& behind);
  /// Sockets that are open are served on, but no function of on_hello() or on_message() is called any more.
  ~v1_server();
  v1_server(const v1_server&) = delete;
  v1_server& operator=(const v1_server&) = delete;
  /// Stands behind another server too, as one service of several processes that share their memory.
  void serve(server& also);

  // What has happened.

  /// Returns what has been processed, each message once, in the order of processing.
  [[nodiscard]] std::vector<v1_message> messages() const;
  /// Returns how many messages have come, again or for the first time.
  [[nodiscard]] std::size_t arrivals() const;
  /// Returns all logins that were asked for, refused ones included.
  [[nodiscard]] std::vector<v1_hello> hellos() const;
  /// Returns how many sessions have begun so far.
  [[nodiscard]] std::size_t sessions() const;
  /// Returns how often a session was continued.
  [[nodiscard]] std::size_t resumes() const;
  /// Returns the names of the clients that are logged in now.
  [[nodiscard]] std::vector<std::string> connected() const;
  /// Returns what clients did against docs/protocol.md, a line each. A broken frame ends its socket with
  /// 1002; an upgrade that does not offer the subprotocol is answered by 400.
  [[nodiscard]] std::vector<std::string> violations() const;

  // What it does of its own accord.

  /// Calls `next` with each message when it is processed, before it is acknowledged. An empty function:
  /// none is called.
  void on_message(message_handler next);
  /// Sends an event to every session, or to those of one client; a client that is away gets it later.
  /// `data` is one JSON text, and sent as it is. Throws std::invalid_argument if it is none.
  void tell(std::string_view data, std::string_view client = {});
  /// Throttles these features, and no others, from now on; empty lifts it. Clients that log in later hear
  /// of it, too.
  void throttle(std::vector<v1_throttled> features);
  /// Asks all who are connected to leave. Logins are accepted as before.
  void go_away(const v1_go_away& how = {});
  /// Sends an error to all clients that are connected.
  void send_error(const v1_error& what);
  /// Sends a text frame as it is to all clients that are connected or log in: for what breaks the rules.
  void send_raw_frame(std::string_view text);
  /// Drops all sockets without a word, when what was to be sent before has been handed to them.
  void drop();
  /// Sets the time between two pings for clients that log in from now on. Zero: no pings. Empty: the
  /// client's own.
  void heartbeat_every(std::optional<std::chrono::milliseconds> interval);
  /// Sets how many events of a session are kept, in the beginning 1,000: with the next one the oldest is
  /// gone, and a client that has not got it hears of a gap.
  void retain(std::size_t events);

  // How it misbehaves, from now on.

  /// Asks `next` of each login whether it is refused, and how. An empty function: none is.
  void on_hello(gate next);
  /// Answers each login with that error.
  void refuse_logins(const v1_error& with);
  /// Answers each login so much later.
  void delay_logins(clock::duration by);
  /// Answers no login, and leaves the socket open.
  void never_answer_logins();
  /// Accepts all logins at once, as in the beginning.
  void accept_logins();
  /// Holds acknowledgements back: messages are processed, but the client does not hear of it, not by
  /// `last_id` of `ready` either, and sends them again in the next session. False: sends what was held
  /// back, and all later ones.
  void hold_acks(bool held = true);
  /// Drops the socket in place of the acknowledgement, for so many of the next messages. They are
  /// processed.
  void drop_before_ack(std::size_t messages = 1);
  /// Answers pings of the protocol, or leaves them unanswered (false). WebSocket pings are answered in any
  /// case.
  void answer_pings(bool answered);
  /// Forgets all sessions so far: no client that is away, or leaves now, can continue one.
  void forget_sessions();

 private:
  struct implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the sockets that it serves
};

}  // namespace holdfast::testing
