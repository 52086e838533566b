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

constexpr std::size_t most_shown_bytes = 200;  // of one text of a peer

// What a peer wrote must not break our one line, nor a terminal.
std::string printable(std::string_view text) {
  text = cut_at_character(text, most_shown_bytes);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    out += c < 0x20 || c == 0x7f || c1 ? ' ' : text[i];
    if (c1) ++i;
  }
  return out;
}

std::string seconds(clock::duration value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f s", std::chrono::duration<double>(value).count());
  return text.data();
}

}  // namespace

std::string describe(const change_reason& reason) {
  if (!reason.error) return {};
  // What the program asked for is not a failure of a stage.
  const bool asked = reason.error == error::disconnect_requested || reason.error == error::closed ||
                     reason.error == error::in_background;
  std::string out;
  if (!asked && reason.at != stage::none) {
    out = to_string(reason.at);
    if (reason.at == stage::connect && !reason.address.empty()) out += " to " + reason.address;
    if (reason.at == stage::proxy && !reason.address.empty()) out += ' ' + reason.address;
    out += ": ";
  }
  out += printable(reason.error.message());
  if (reason.http_status != 0) out += ", HTTP " + std::to_string(reason.http_status);
  if (reason.close_code != 0) out += ", close code " + std::to_string(reason.close_code);
  if (!reason.close_text.empty()) out += " \"" + printable(reason.close_text) + '"';
  return out;
}

std::string describe(const state_change& change) {
  std::string out(to_string(change.to));
  if (change.to == connection_state::connected && !change.endpoint.empty()) out += " to " + change.endpoint;
  if (change.reason.error) out += " (" + describe(change.reason) + ')';
  if (change.retry_in) out += ", retry in " + seconds(*change.retry_in) + " [" + change.rule + ']';
  if (change.final && change.sequence != 0) {
    out += ", will not retry by itself" + (change.rule.empty() ? "" : " [" + change.rule + ']');
  }
  if (change.flapping && change.to == connection_state::disconnected && change.rule != "flapping") {
    out += ", flapping";
  }
  for (const auto& feature : change.features)
    out += ", " + printable(feature.name) + " throttled: " + printable(feature.reason);
  return out;
}

}  // namespace holdfast
