// The error categories that :error declares: the messages, and which errors belong to which condition.
module;
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <string>
#include <string_view>

module holdfast.core;

namespace holdfast {
namespace {

const char* text(error value) noexcept {
  switch (value) {
    case error::already_running:
      return "the connection is already running";
    case error::closed:
      return "the connection is closed";
    case error::no_connection:
      return "no session is open";
    case error::disconnect_requested:
      return "disconnect was requested";
    case error::in_background:
      return "closed in the background";
    case error::timed_out:
      return "deadline reached";
    case error::host_not_found:
      return "resolver found no address for the host";
    case error::connection_lost:
      return "connection lost";
    case error::liveness_lost:
      return "peer went silent: no answer to ping";
    case error::closed_by_peer:
      return "closed by the peer";
    case error::upgrade_refused:
      return "server refused the WebSocket upgrade";
    case error::unauthorized:
      return "server refused the credentials";
    case error::upgrade_invalid:
      return "server's answer to the upgrade is not valid";
    case error::protocol_violation:
      return "peer broke the WebSocket protocol";
    case error::invalid_utf8:
      return "text message is not valid UTF-8";
    case error::message_too_big:
      return "message is too large: limits.message_bytes, or a limit of the protocol";
    case error::outbound_full:
      return "outbound limit reached (limits.outbound_messages, limits.outbound_bytes, or 64 pings): "
             "await results before sending more";
    case error::tls_failed:
      return "TLS failed";
    case error::certificate_expired:
      return "server's certificate has expired or is not valid yet";
    case error::certificate_wrong_host:
      return "server's certificate is for another host name";
    case error::certificate_self_signed:
      return "server's certificate is self-signed";
    case error::certificate_unknown_issuer:
      return "issuer of the server's certificate is not trusted";
    case error::certificate_invalid:
      return "server's certificate is not acceptable";
    case error::client_certificate_refused:
      return "server refused our client certificate, or requires one";
    case error::proxy_refused:
      return "proxy refused to connect to the server";
    case error::proxy_unauthorized:
      return "proxy refused the credentials, or requires some";
    case error::proxy_invalid:
      return "proxy's answer is not valid";
    case error::redirect_refused:
      return "redirect was not followed";
    case error::provider_failed:
      return "credential provider failed";
    case error::subprotocol_mismatch:
      return "server chose a subprotocol that was not offered, or none";
    case error::message_expired:
      return "message waited for a session longer than its time_to_live";
    case error::message_superseded:
      return "message was replaced by a newer one with the same key";
    case error::feature_throttled:
      return "feature is throttled";
    case error::message_invalid:
      return "protocol cannot carry this message";
    case error::login_refused:
      return "server refused the login";
    case error::protocol_failed:
      return "protocol failed: the server broke its rules, or the program's protocol threw";
    case error::message_not_json:
      return "message is not one JSON text";
    case error::moved:
      return "the session moved to another socket";
    case error::server_going_away:
      return "server asked us to leave";
    case error::provider_gave_up:
      return "credential provider reported a permanent failure";
    case error::dial_gate_closed:
      return "the dial gate has not let the attempt begin yet";
    case error::handed_over:
      return "the message was handed over to another connection";
    case error::lease_lost:
      return "the lease has ended, and another process may hold the key";
    case error::renegotiation_refused:
      return "server requested TLS 1.2 renegotiation, which is not supported";
    case error::message_discarded:
      return "message was discarded by the program";
  }
  return "unknown holdfast error";
}

bool is_fatal(error value) noexcept {
  switch (value) {
    case error::already_running:
    case error::closed:
    case error::disconnect_requested:
    case error::provider_gave_up:
    case error::subprotocol_mismatch:
    case error::login_refused:
      return true;
    default:
      return false;
  }
}

class holdfast_category final : public boost::system::error_category {
 public:
  holdfast_category() noexcept : error_category(0x686f6c6466617374ULL) {}
  const char* name() const noexcept override { return "holdfast"; }
  std::string message(int value) const override { return text(static_cast<error>(value)); }
};

class class_category final : public boost::system::error_category {
 public:
  class_category() noexcept : boost::system::error_category(0x686f6c6466617363ULL) {}
  const char* name() const noexcept override { return "holdfast.condition"; }
  std::string message(int value) const override {
    switch (static_cast<condition>(value)) {
      case condition::transient:
        return "transient";
      case condition::fatal:
        return "fatal";
      case condition::auth:
        return "auth";
    }
    return "unknown condition";
  }
  // Errors of other categories come from the operating system or from Asio. They are transient: networks
  // heal.
  bool equivalent(const error_code& code, int value) const noexcept override {
    if (!code) return false;
    const bool ours = code.category() == holdfast::error_category();
    const auto value_of_ours = static_cast<error>(code.value());
    switch (static_cast<condition>(value)) {
      case condition::auth:
        return ours && value_of_ours == error::unauthorized;
      case condition::fatal:
        return ours && is_fatal(value_of_ours);
      case condition::transient:
        return !ours || (!is_fatal(value_of_ours) && value_of_ours != error::unauthorized);
    }
    return false;
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const holdfast_category instance;
  return instance;
}

const boost::system::error_category& condition_category() noexcept {
  static const class_category instance;
  return instance;
}

std::string describe_thrown() {
  try {
    throw;
  } catch (const boost::system::system_error& e) {
    return "threw: " + e.code().message();
  } catch (const std::exception& e) {
    return std::string("threw: ") + e.what();
  } catch (...) {
    return "threw something that is not a std::exception";
  }
}

option_error::option_error(std::string field, std::string_view problem)
    : std::invalid_argument("options." + field + ": " + std::string(problem)), field_(std::move(field)) {}

}  // namespace holdfast
