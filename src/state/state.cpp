// How states, stages and changes read as text.
module;
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

module holdfast.core;

namespace holdfast {

std::string_view to_string(connection_state state) noexcept {
  switch (state) {
    case connection_state::disconnected:
      return "disconnected";
    case connection_state::connecting:
      return "connecting";
    case connection_state::connected:
      return "connected";
    case connection_state::feature_throttled:
      return "featureThrottled";
  }
  return "unknown";
}

std::string_view to_string(stage value) noexcept {
  switch (value) {
    case stage::none:
      return "none";
    case stage::provider:
      return "provider";
    case stage::resolve:
      return "resolve";
    case stage::connect:
      return "connect";
    case stage::proxy:
      return "proxy";
    case stage::tls:
      return "tls";
    case stage::upgrade:
      return "upgrade";
    case stage::login:
      return "login";
    case stage::session:
      return "session";
  }
  return "unknown";
}

namespace {

constexpr std::size_t most_shown_bytes = 200;  // of one text from a peer

std::string printable(std::string_view text) { return one_line(text, most_shown_bytes); }

std::string seconds(clock::duration value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f s", std::chrono::duration<double>(value).count());
  return text.data();
}

}  // namespace

bool is_failure(const state_change& change) noexcept {
  const auto& why = change.reason.error;
  return change.to == connection_state::disconnected && why && why != error::disconnect_requested &&
         why != error::closed && why != error::in_background && why != error::dial_gate_closed &&
         why != boost::asio::error::operation_aborted;
}

bool is_about_lateness(const state_change& change) noexcept {
  const bool is_open =
      change.to == connection_state::connected || change.to == connection_state::feature_throttled;
  return is_open && (change.rule == "late" || change.rule == "answered");
}

std::string describe(const change_reason& reason) {
  if (!reason.error) return {};
  // An end that the program asked for is not a failure of a stage.
  const bool asked = reason.error == error::disconnect_requested || reason.error == error::closed ||
                     reason.error == error::in_background;
  std::string out;
  if (!asked && reason.at != stage::none) {
    out = to_string(reason.at);
    if (reason.at == stage::connect && !reason.peer.empty()) out += " to " + reason.peer;
    if (reason.at == stage::proxy && !reason.peer.empty()) out += ' ' + reason.peer;
    out += ": ";
  }
  out += printable(reason.error.message());
  if (reason.http_status != 0) out += ", HTTP " + std::to_string(reason.http_status);
  if (reason.close_code != 0) out += ", close code " + std::to_string(reason.close_code);
  if (!reason.detail.empty()) out += " \"" + printable(reason.detail) + '"';
  return out;
}

std::string describe(const state_change& change) {
  std::string out(to_string(change.to));
  if (change.to == connection_state::connected && !change.peer.empty()) out += " to " + change.peer;
  if (change.reason.error) out += " (" + describe(change.reason) + ')';
  if (change.retry_in) out += ", retry in " + seconds(*change.retry_in) + " [" + change.rule + ']';
  if (change.final && change.sequence != 0) {
    out += ", will not retry by itself" + (change.rule.empty() ? "" : " [" + change.rule + ']');
  }
  if (change.unresponsive) out += ", unresponsive";
  if (change.flapping && change.to == connection_state::disconnected && change.rule != "flapping") {
    out += ", flapping";
  }
  for (const auto& feature : change.features)
    out += ", " + printable(feature.name) + " throttled: " + printable(feature.reason);
  return out;
}

}  // namespace holdfast
