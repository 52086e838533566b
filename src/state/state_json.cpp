// The fields of a transition, and the numbers, in the order in which one reads them.
module;
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :state_json;

namespace holdfast {
namespace {

namespace json = boost::json;

double to_seconds(clock::duration value) { return std::chrono::duration<double>(value).count(); }

void add_reason(json::object& out, const change_reason& why) {
  if (!why.error) return;
  out["reason"] = describe(why);
  out["stage"] = to_string(why.at);
  out["error"] = why.error.message();
  if (why.http_status != 0) out["http_status"] = why.http_status;
  if (why.close_code != 0) out["close_code"] = why.close_code;
}

json::array features_of(const state_change& change) {
  json::array out;
  for (const auto& each : change.features) {
    out.push_back(json::object{{"name", each.name}, {"reason", each.reason}});
  }
  return out;
}

void add_times(json::object& out, const connection_stats& said) {
  const auto add = [&out](std::string_view name, const std::optional<clock::duration>& value) {
    if (value) out[name] = to_seconds(*value);
  };
  add("last_round_trip", said.last_round_trip);
  add("least_round_trip", said.least_round_trip);
  add("smoothed_round_trip", said.smoothed_round_trip);
}

}  // namespace

json::object to_json(const connection_stats& said) {
  const auto& sent = said.messages_sent;
  json::object out{{"age", to_seconds(said.age)},
                   {"connected_for", to_seconds(said.connected_for)},
                   {"attempts", said.attempts},
                   {"sessions", said.sessions},
                   {"moves", said.moves},
                   {"resumed", said.resumed},
                   {"gaps", said.gaps},
                   {"bytes_received", said.bytes_received},
                   {"bytes_sent", said.bytes_sent},
                   {"payload_bytes_received", said.payload_bytes_received},
                   {"payload_bytes_sent", said.payload_bytes_sent},
                   {"messages_received", said.messages_received},
                   {"unread_messages", said.unread_messages},
                   {"most_unread_messages", said.most_unread_messages},
                   {"offered", sent.offered},
                   {"written", sent.written},
                   {"acked", sent.acked},
                   {"not_sent", sent.not_sent},
                   {"in_doubt", sent.in_doubt},
                   {"dropped", sent.dropped},
                   {"waiting_bytes", said.waiting_bytes},
                   {"most_waiting_bytes", said.most_waiting_bytes},
                   {"missed_heartbeats", said.missed_heartbeats},
                   {"clock_jumps", said.clock_jumps},
                   {"network_changes", said.network_changes}};
  add_times(out, said);
  return out;
}

json::object to_json(const state_change& change) {
  json::object out{{"state", to_string(change.to)}, {"attempt", change.attempt}, {"session", change.session}};
  if (!change.origin.empty()) out["origin"] = change.origin;
  if (!change.peer.empty()) out["peer"] = change.peer;
  if (!change.subprotocol.empty()) out["subprotocol"] = change.subprotocol;
  add_reason(out, change.reason);
  if (is_failure(change)) out["failure"] = true;
  if (change.to == connection_state::disconnected) {
    out["final"] = change.final;
    out["rule"] = change.rule;
    if (change.retry_in) out["retry_in"] = to_seconds(*change.retry_in);
  }
  if (change.resumed) out["resumed"] = true;
  if (change.gap) out["gap"] = json::object{{"from", change.gap->from}, {"to", change.gap->to}};
  if (!change.features.empty()) out["features"] = features_of(change);
  if (change.unresponsive) out["unresponsive"] = true;
  if (is_about_lateness(change)) out["rule"] = change.rule;
  if (change.flapping) out["flapping"] = true;
  return out;
}

}  // namespace holdfast
