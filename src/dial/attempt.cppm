// :attempt — from a URL to an open WebSocket: credentials, names, addresses, proxy, TLS, upgrade; a redirect
// begins anew. One attempt, one object. Keeps no time: it returns which stage it is in and the deadline of
// that stage, and the actor abandons it at that deadline.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.core:attempt;

import :backoff;
import :compression;
import :credentials;
import :dial_memory;
import :error;
import :headers;
import :http_head;
import :network;
import :options;
import :proxy;
import :redirect;
import :state;
import :time;
import :upgrade;
import :url;

namespace holdfast {

// What a successful attempt hands to the session.
struct opened_socket {
  transport stream;
  std::string peer;           // "address:port" of the server, or of the proxy that leads to it
  std::string origin;         // of the server
  std::string first_bytes{};  // of frames that came with the answer
  std::string subprotocol{};
  std::optional<agreed_compression> compression{};
  std::string extensions{};  // that were agreed, in lower case
  std::string token{};       // of the provider, for the protocol's login
  header_list headers{};     // of the answer, without those of the handshake
  clock::time_point opened_at = clock::now();
  dial_findings found{};  // for dial_memory::session_opened()
};

// How the use of a stream for something other than a WebSocket has ended.
struct stream_use {
  error_code error{};
  std::string detail{};
};

// A stage that is over.
struct dial_step {
  stage at = stage::none;
  clock::duration took{};
  std::string origin{};                    // that the stage is about
  std::string detail{};                    // what came of it, in one line; empty if there is nothing to say
  const change_reason* failure = nullptr;  // null: the attempt goes on, or has its socket
};

// On the strand of the actor; shared by the actor and its own coroutine, because either may end first.
class dial_attempt : public std::enable_shared_from_this<dial_attempt> {
 public:
  using note_function = std::function<void(log_level, std::string_view)>;
  using step_function = std::function<void(const dial_step&)>;

  // To the URL in `ask`, unless the provider names another. `note` gets lines for the log, while the attempt
  // is under way.
  dial_attempt(std::shared_ptr<const options> given, std::shared_ptr<dial_memory> memory,
               credential_request ask, note_function note);

  // Gets the open stream in place of the upgrade. If the flag becomes true, the attempt has closed the
  // stream, and drops what the coroutine returns.
  using stream_user = std::function<net::awaitable<stream_use>(transport&, const bool& abandoned)>;
  void use_stream_by(stream_user user) { user_ = std::move(user); }

  // Gets each stage when it is over; with texts only if `in_words`, because they cost.
  void report_steps_to(step_function watcher, bool in_words) {
    on_step_ = std::move(watcher);
    in_words_ = in_words;
  }

  // Runs the attempt on `strand`. Calls `on_news` when the attempt is over, and when deadline() has become
  // earlier.
  void start(const net::any_io_executor& strand, std::function<void()> on_news);
  // Gives up: cancels what is in progress, and drops what comes later. `why` becomes the reason, unless the
  // server has given one.
  void abandon(error_code why);

  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] clock::time_point deadline() const noexcept { return stage_deadline_; }
  // Once the attempt is over: returns the socket; empty: record() has the reason.
  std::optional<opened_socket> take_socket() { return std::exchange(socket_, std::nullopt); }
  [[nodiscard]] const attempt_record& record() const noexcept { return record_; }
  // For dial_memory::attempt_failed(), if there is no socket.
  [[nodiscard]] const dial_findings& found() const noexcept { return found_; }
  // Returns the origin of the place to which the attempt has come.
  [[nodiscard]] std::string origin() const { return to_origin(place_.to); }

 private:
  // The stages, in their order. False: the attempt has failed, or is over.
  net::awaitable<void> run();
  net::awaitable<bool> ask_provider();
  net::awaitable<bool> reach();
  net::awaitable<bool> connect(stage shown, std::string host, std::uint16_t port);
  net::awaitable<bool> pass(proxy_server proxy);
  net::awaitable<bool> start_tls();
  net::awaitable<bool> upgrade();
  net::awaitable<void> lend_stream();
  bool follow(const http_head& answer);

  // The rules of these stages.
  bool provider_threw();
  bool use(credentials given);
  std::optional<proxy_server> choose_way();

  // What belongs to this attempt, as far as it may be shown at `place_`.
  [[nodiscard]] bool is_bare() const { return is_fallback_ && !place_.to.secure; }
  [[nodiscard]] bool may_show_credentials() const;
  [[nodiscard]] header_list headers() const;
  [[nodiscard]] const std::vector<std::string>& subprotocols() const;
  [[nodiscard]] std::string server_name() const;
  [[nodiscard]] target named_target() const;
  bool add_cookies(header_list& to) const;

  // What becomes known. Those that return a bool return false: their caller ends by it.
  void enter(stage next, milliseconds limit);
  void end_step(const change_reason* failure);
  bool fail(error_code why, std::string detail = {});
  bool stream_failed(error_code why, std::string detail);
  void take_exception(const std::exception_ptr& thrown);
  void keep_answer(const http_head& answer);

  const std::shared_ptr<const options> options_;
  const std::shared_ptr<dial_memory> memory_;  // shared with the actor
  const credential_request ask_;
  const note_function note_;
  stream_user user_;
  step_function on_step_;
  dial_step step_;  // the present one
  clock::time_point step_began_{};
  bool in_words_ = false;
  clock::time_point deadline_{};  // of the whole, from start()
  redirect_target place_;         // to which the attempt has come
  const bool is_fallback_;        // a ws:// endpoint beside one that is wss://
  credentials credentials_{};
  std::optional<peer_address> peer_{};  // that the attempt is about: see change_reason::peer
  clock::time_point stage_deadline_{};
  std::function<void()> on_news_;
  std::function<void()> stop_race_;  // ends the race among the addresses
  net::cancellation_signal cancel_;
  std::optional<transport> stream_;
  std::optional<opened_socket> socket_;
  attempt_record record_;
  dial_findings found_;
  bool answered_ = false;  // the reason is the server's own, and stays
  bool over_ = false;
};

}  // namespace holdfast
