/// :error — everything that can go wrong, as error codes with one-line messages a person can act on.
/// Knows nothing of sockets, states or retries; every other room speaks in these codes.
module;
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

export module holdfast.core:error;

namespace holdfast {

/// Names an error: a value and its category. Boost's own type.
export using error_code = boost::system::error_code;
/// Holds a value, or the `error_code` that says why there is none. Boost's own type.
export template <class T>
using result = boost::system::result<T>;

/// What holdfast itself reports. Errors of the operating system and of Asio pass through unchanged.
export enum class error {
  already_running = 1,         ///< run() was called while the connection already runs
  closed,                      ///< the connection was closed for good; nothing more will come
  no_connection,               ///< a message or ping was given while no session is open
  disconnect_requested,        ///< disconnect() was called
  in_background,               ///< the background rule closed the session
  timed_out,                   ///< a stage of the attempt did not finish before its deadline
  host_not_found,              ///< the resolver had no address for the host
  connection_lost,             ///< the peer went away without a closing handshake
  liveness_lost,               ///< nothing was heard from the peer although it was pinged
  closed_by_peer,              ///< the peer sent a close frame
  upgrade_refused,             ///< the server answered the upgrade with a status other than 101
  unauthorized,                ///< the server answered the upgrade with 401 or 403
  upgrade_invalid,             ///< the server's answer to the upgrade breaks RFC 6455 section 4 or HTTP/1.1
  protocol_violation,          ///< a frame breaks RFC 6455 section 5
  invalid_utf8,                ///< a text message is not UTF-8 (RFC 6455 section 8.1)
  message_too_big,             ///< a message is larger than the limit for its direction
  outbound_full,               ///< the outbound limit is reached; the message was refused
  tls_failed,                  ///< the TLS handshake or a TLS record went wrong
  certificate_expired,         ///< the server's certificate, or one above it, is no longer (or not yet) valid
  certificate_wrong_host,      ///< the server's certificate is for another host name
  certificate_self_signed,     ///< the server's certificate, or its root, is self-signed and not trusted
  certificate_unknown_issuer,  ///< the issuer of the server's certificate is not in the trust store
  certificate_invalid,         ///< the server's certificate is refused for another reason
  client_certificate_refused,  ///< the server wants a client certificate, or another one than ours
  proxy_refused,               ///< the proxy would not open the way to the server
  proxy_unauthorized,          ///< the proxy refused the credentials, or requires some
  proxy_invalid,               ///< the proxy's answer is not of its protocol
  redirect_refused,            ///< a redirect that we must not follow, or one too many
  provider_failed,             ///< the credential provider threw, or gave what cannot be sent
  subprotocol_mismatch,        ///< the server chose a subprotocol that was not offered, or none
  message_expired,             ///< a message waited for a session for longer than its time to live
  message_superseded,          ///< a message that waited was replaced by a newer one with the same key
  feature_throttled,           ///< a message names a feature that must not be used now
  message_invalid,             ///< a message is not what the protocol can carry
  login_refused,               ///< the server refused the login of the protocol
  protocol_failed,             ///< the server broke the rules of the protocol, or the protocol itself threw
  server_going_away,           ///< the server asked us to leave
  message_not_json,            ///< a message that was to be received as JSON is none
  moved,                       ///< the session moved to another socket, see connection::migrate()
  provider_gave_up,            ///< the credential provider threw permanent_failure
  renegotiation_refused,       ///< the server requested TLS 1.2 renegotiation, which is not supported
  message_discarded,           ///< the program threw the message away: connection::discard_waiting()
  dial_gate_closed,            ///< no failure: `options::gate` has not let the attempt begin yet
  handed_over,                 ///< another connection goes on with the message: connection::export_state()
  lease_lost,  ///< the lease on the key has ended or was not renewed in time: another process may hold it
};

/// Classes of errors to test a code against: `if (ec == holdfast::condition::fatal)`.
export enum class condition {
  transient = 1,  ///< worth another attempt
  fatal,          ///< another attempt would fail in the same way
  auth,           ///< the server refused who we are
};

/// Returns the category of the codes in `error`; its name is "holdfast".
export const boost::system::error_category& error_category() noexcept;
/// Returns the category of the conditions in `condition`; its name is "holdfast.condition".
export const boost::system::error_category& condition_category() noexcept;

/// Returns the `error_code` of `value`. An `error` converts to an `error_code` by itself, through this.
export inline error_code make_error_code(error value) noexcept {
  return {static_cast<int>(value), error_category()};
}
/// Returns the condition of `value`. A `condition` converts by itself, through this.
export inline boost::system::error_condition make_error_condition(condition value) noexcept {
  return {static_cast<int>(value), condition_category()};
}

/// Returns whether `code` meets the condition. Boost's own operator does the same, but an importer would
/// have to include it.
export inline bool operator==(const error_code& code, condition value) noexcept {
  return make_error_condition(value).category().equivalent(code, static_cast<int>(value));
}

/// Returns "threw" and what, for the log, in a handler of an exception that the program's own code threw.
/// Never the what() of a system_error, which names source locations.
export std::string describe_thrown();

/// Thrown by the constructor of `connection` (and by `validate`) when an option is wrong, before anything is
/// connected. Never repeats a URL, a password or a header's value.
export class option_error : public std::invalid_argument {
 public:
  /// Takes the path of the option (`field`) as it is written in code, such as "heartbeat.ping_interval".
  option_error(std::string field, std::string_view problem);
  /// Returns the path of the option that is wrong.
  [[nodiscard]] const std::string& field() const noexcept { return field_; }

 private:
  std::string field_;
};

/// Thrown by a credential provider (or the fetch function of a token source) to say that another attempt is
/// of no use: the connection stops, as provider_gave_up. Whatever else they throw is an attempt that failed.
/// what() goes to the log, so it must not hold a secret.
export class permanent_failure : public std::runtime_error {
 public:
  /// Takes the text that what() returns.
  using std::runtime_error::runtime_error;
};

}  // namespace holdfast

template <>
struct boost::system::is_error_code_enum<holdfast::error> : std::true_type {};
template <>
struct boost::system::is_error_condition_enum<holdfast::condition> : std::true_type {};
