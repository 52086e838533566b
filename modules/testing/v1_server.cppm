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
  std::string session{};
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
  std::string client{};
  std::uint64_t id = 0;
  std::string feature{};  ///< empty: none
  std::string data{};     ///< JSON, as the client wrote it
};

/// The frame `error`. Codes with a meaning of their own: "unauthorized".
export struct v1_error {
  std::string code = "internal";
  std::string text{};  ///< for people
  bool fatal = false;  ///< do not come back
};

/// A feature that must not be used.
export struct v1_throttled {
  std::string name{};
  std::string reason{};                              ///< for people
  std::optional<std::chrono::milliseconds> lasts{};  ///< then it is lifted; empty: until throttle() says so
};

/// The frame `go_away`.
export struct v1_go_away {
  std::string reason{};                      ///< for people
  std::chrono::milliseconds reconnect_in{};  ///< zero: to another socket at once, without a break
  std::string endpoint{};                    ///< the URL to go to; empty: not said
};

/// All members may be called from any thread. What they send leaves in the order of the calls. The functions
/// given to on_hello() and on_message() run on the strand of the socket concerned, one call at a time for
/// each socket; they may call all members. What they throw comes out of the function that runs the executor.
export class v1_server {
 public:
  using gate = std::function<std::optional<v1_error>(const v1_hello&)>;
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

  /// What has been processed, each message once, in the order of processing.
  [[nodiscard]] std::vector<v1_message> messages() const;
  /// Messages that have come, again or for the first time.
  [[nodiscard]] std::size_t arrivals() const;
  /// All logins that were asked for, refused ones included.
  [[nodiscard]] std::vector<v1_hello> hellos() const;
  [[nodiscard]] std::size_t sessions() const;  ///< begun so far
  [[nodiscard]] std::size_t resumes() const;   ///< how often one was continued
  /// The names of those who are logged in now.
  [[nodiscard]] std::vector<std::string> connected() const;
  /// What clients did against docs/protocol.md, a line each. A broken frame ends its socket with 1002; an
  /// upgrade that does not offer the sub-protocol is answered by 400.
  [[nodiscard]] std::vector<std::string> violations() const;

  // What it does of its own accord.

  /// Called with each message when it is processed, before it is acknowledged. Empty: none is called.
  void on_message(message_handler next);
  /// An event for every session, or for those of one client; who is away gets it later. `data` is one JSON
  /// text, and sent as it is. Throws std::invalid_argument if it is none.
  void tell(std::string_view data, std::string_view client = {});
  /// From now on these features, and no others, are throttled; empty lifts it. Who logs in later is told.
  void throttle(std::vector<v1_throttled> features);
  /// Asks all who are connected to leave. Logins are accepted as before.
  void go_away(const v1_go_away& how = {});
  /// To all who are connected.
  void send_error(const v1_error& what);
  /// A text frame as it is, to all who are connected or log in: for what breaks the rules.
  void send_raw_frame(std::string_view text);
  /// Drops all sockets without a word, when what was to be sent before has been handed to them.
  void drop();
  /// Time between two pings that is told to those who log in from now on. Zero: no pings. Empty: the
  /// client's own.
  void heartbeat_every(std::optional<std::chrono::milliseconds> interval);
  /// How many events of a session are kept, in the beginning 1,000: with the next one the oldest is gone, and
  /// a client that has not got it is told of a gap.
  void retain(std::size_t events);

  // How it misbehaves, from now on.

  /// Says of each login whether it is refused, and how. Empty: none is.
  void on_hello(gate next);
  void refuse_logins(const v1_error& with);
  void delay_logins(clock::duration by);
  void never_answer_logins();
  /// As in the beginning: all are welcome, at once.
  void accept_logins();
  /// Messages are processed, but who sent them does not hear of it, not by `last_id` of `ready` either: they
  /// come again with the next session. False: what was held back is sent, and all later ones.
  void hold_acks(bool held = true);
  /// So many of the next messages are processed, and the socket is dropped in place of the acknowledgement.
  void drop_before_ack(std::size_t messages = 1);
  void answer_pings(bool answered);
  /// Nobody who is away, or leaves now, can go on with a session that there has been so far.
  void forget_sessions();

 private:
  struct implementation;
  std::shared_ptr<implementation> implementation_;  // shared with the sockets that it serves
};

}  // namespace holdfast::testing
