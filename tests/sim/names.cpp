// How a timeline calls things.
#include "plan.hpp"

namespace sim {

std::string_view to_string(conduct how) {
  constexpr std::array<std::string_view, 16> names{"echoes",         "closes",    "drops",        "silent",
                                                   "never upgrades", "refuses",   "garbage",      "bad frame",
                                                   "reads slowly",   "floods",    "floods pings", "fragments",
                                                   "no pongs",       "redirects", "parts",        "talks"};
  return names[static_cast<std::size_t>(how)];
}

std::string_view to_string(act what) {
  constexpr std::array<std::string_view, 41> names{"conditions",
                                                   "reset",
                                                   "silence",
                                                   "name works",
                                                   "name fails",
                                                   "name hangs",
                                                   "port",
                                                   "server",
                                                   "connect",
                                                   "disconnect",
                                                   "close",
                                                   "retry_now",
                                                   "network_changed",
                                                   "background",
                                                   "foreground",
                                                   "send",
                                                   "receive",
                                                   "receive_batch",
                                                   "ping",
                                                   "next_state",
                                                   "wait_for",
                                                   "watch",
                                                   "add_listener",
                                                   "remove_listener",
                                                   "cancel",
                                                   "cancel run",
                                                   "destroy",
                                                   "migrate",
                                                   "suspend",
                                                   "handler",
                                                   "provider",
                                                   "logins",
                                                   "forget",
                                                   "retain",
                                                   "acks",
                                                   "throttle",
                                                   "go away",
                                                   "error",
                                                   "bad field",
                                                   "heartbeat",
                                                   "tell"};
  return names[static_cast<std::size_t>(what)];
}

std::string describe(const plan& what) {
  const auto& given = what.options;
  const auto& limits = given.limits;
  const auto& retry = given.retry;
  const auto ms = [](std::chrono::milliseconds span) { return std::to_string(span.count()); };
  std::string out = given.mode == holdfast::connect_mode::automatic ? "automatic" : "manual";
  out += ", ping " + ms(given.heartbeat.ping_interval) + " pong " + ms(given.heartbeat.pong_deadline) +
         (given.heartbeat.pong_only ? " only" : "") + ", deadlines " + ms(given.deadlines.attempt) + ": " +
         ms(given.deadlines.resolve) + ' ' + ms(given.deadlines.connect) + ' ' + ms(given.deadlines.upgrade) +
         ", close " + ms(given.close_timeout) + " grace " + ms(given.background_grace) + ", in " +
         std::to_string(limits.inbound_messages) + '/' + std::to_string(limits.inbound_bytes) + ", out " +
         std::to_string(limits.outbound_messages) + '/' + std::to_string(limits.outbound_bytes) +
         ", message " + std::to_string(limits.message_bytes) + ", retry " + ms(retry.base) + '*' +
         std::to_string(retry.factor) + " to " + ms(retry.cap) + ", first " + ms(retry.first_spread) +
         ", stable " + ms(retry.stable_after);
  if (retry.attempt_limit) out += ", attempts " + std::to_string(*retry.attempt_limit);
  if (!retry.retry_first_connect) out += ", first failure final";
  if (given.protocol) out += ", holdfast.v1, login " + ms(given.deadlines.login);
  if (what.tls) out += ", TLS";
  if (given.compression.enabled)
    out += what.served[0].enabled || what.served[1].enabled ? ", compressed" : ", would compress";
  if (what.provides) out += ", a provider";
  if (what.endpoints) out += ", two endpoints";
  if (what.replies) out += ", answers";
  return out + (what.reader == reading::eager     ? ", reads at once"
                : what.reader == reading::lazy    ? ", does not read"
                : what.reader == reading::slow    ? ", reads slowly"
                : what.reader == reading::handler ? ", has a handler"
                                                  : ", reads one by one");
}

}  // namespace sim
