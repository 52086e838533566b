// What docs/messages.md and docs/protocol.md promise about a message, and no more. Where a session ends for
// good, what was written may have arrived or not; where another one follows, nothing is given up.
#include "deliveries.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "tokens.hpp"

namespace sim {

using holdfast::delivery;
using holdfast::error;
using holdfast::offline_rule;
using holdfast::throttled_rule;

std::size_t deliveries::prepare(const letter& what, std::size_t size) {
  sent_.push_back({.what = what, .size = size});
  return sent_.size() - 1;
}

std::string deliveries::payload(std::size_t id) const {
  const auto& one = sent_[id];
  auto out = '"' + fill_token(std::to_string(id) + ':', one.size - 2) + '"';
  if (one.what.form == writing::not_json) out.back() = 'x';
  if (one.what.form == writing::not_utf8) out[out.size() - 2] = '\xff';
  return out;
}

holdfast::send_options deliveries::manner(std::size_t id) const {
  const auto& what = sent_[id].what;
  return {
      .kind = what.form == writing::binary ? holdfast::message_kind::binary : holdfast::message_kind::text,
      .when_offline = what.when_offline,
      .when_throttled = what.when_throttled,
      .feature = feature_names[what.feature],
      .key = key_names[what.key],
      .time_to_live = what.time_to_live};
}

void deliveries::started(std::size_t id, const holdfast::state_change& published, bool open) {
  auto& one = sent_[id];
  one.open = open;
  one.at = clock::now();
  one.sequence = published.sequence;
  one.session_expected = !published.final && (published.sequence != 0 || states_.must_come_back());
  one.throttled = throttles_.sent(id, feature_names[one.what.feature], published);
  if (!one.what.detached) waiting_.push_back(id);
}

void deliveries::settled(std::size_t id, const holdfast::send_result& result) {
  auto& one = sent_[id];
  if (one.result) log_.violated("message ", id, " is settled twice");
  one.result = result;
  std::erase(waiting_, id);
  log_.note("  message ", id, ": ", to_string(result.outcome), result.reason ? ", " : "",
            result.reason ? result.reason.message() : "");
  if (result.ok() == static_cast<bool>(result.reason))
    log_.violated("message ", id, ": result contradicts its reason");
  if (result.outcome == delivery::written) log_.violated("message ", id, " is reported written, not acked");
  if (result.outcome == delivery::acked && !one.processed)
    log_.violated("message ", id, " is reported acked, and the server has not processed it");
  const bool has_left = result.outcome == delivery::acked || result.outcome == delivery::in_doubt;
  if (has_left && one.what.form != writing::json)
    log_.violated("message ", id, " cannot be carried, and has left");
  if (has_left && one.size > limits_.message_bytes)
    log_.violated("message ", id, " is too big, and has left");
  if (!has_left && one.number != 0)
    log_.violated("message ", id, " is reported ", to_string(result.outcome), ", and the server has got it");
  if (result.reason) check_reason(id, one, result);
}

void deliveries::check_reason(std::size_t id, const outgoing& one, const holdfast::send_result& result) {
  const auto& why = result.reason;
  if (why == boost::asio::error::operation_aborted || why == error::closed) return;
  if (result.outcome == delivery::dropped) return check_drop(id, one, result);
  const bool ours = why == error::no_connection || why == error::feature_throttled ||
                    why == error::outbound_full || why == error::message_invalid ||
                    (why == error::invalid_utf8 && one.what.form == writing::not_utf8) ||
                    (why == error::message_too_big && one.size > limits_.message_bytes);
  if (!ours) return given_up_.push_back(id);  // for the reason for which a session has ended
  // A session may end because the server does not read what the protocol sends.
  if (result.outcome == delivery::in_doubt && why == error::outbound_full) return given_up_.push_back(id);
  if (result.outcome == delivery::in_doubt) log_.violated("message ", id, " in doubt, though it was refused");
  check_refusal(id, one, result);
}

void deliveries::check_refusal(std::size_t id, const outgoing& one, const holdfast::send_result& result) {
  const auto& why = result.reason;
  if (why == error::no_connection && one.open)
    log_.violated("message ", id, " refused with no_connection while connected");
  if (why == error::no_connection && one.what.when_offline != offline_rule::fail && one.session_expected)
    log_.violated("message ", id, " may wait, and is refused though there will be a session");
  if (why == error::message_invalid && one.what.form != writing::binary &&
      one.what.form != writing::not_json) {
    log_.violated("message ", id, " can be carried, and is refused");
  }
  if (why == error::feature_throttled &&
      (!one.throttled || one.what.when_throttled != throttled_rule::fail)) {
    log_.violated("message ", id, " is refused, though its feature was not throttled or it may wait");
  }
}

void deliveries::check_drop(std::size_t id, const outgoing& one, const holdfast::send_result& result) {
  const auto& why = result.reason;
  if (why == error::feature_throttled) {
    if (!one.throttled || one.what.when_throttled != throttled_rule::drop)
      log_.violated("message ", id, " is dropped, though its feature was not throttled");
  } else if (why == error::message_expired) {
    if (one.what.time_to_live == 0ms || clock::now() < one.at + one.what.time_to_live)
      log_.violated("message ", id, " is dropped before its time");
  } else if (why == error::message_superseded) {
    const bool newer = std::any_of(sent_.begin() + static_cast<std::ptrdiff_t>(id) + 1, sent_.end(),
                                   [&](const outgoing& each) { return each.what.key == one.what.key; });
    if (one.what.key == 0 || !newer) log_.violated("message ", id, " is superseded by nothing");
  } else if (why != error::outbound_full || one.what.when_offline != offline_rule::queue) {
    log_.violated("message ", id, " is dropped, though nothing allows it: ", why.message());
  }
}

void deliveries::arrived(std::size_t link, std::uint64_t number, std::string_view payload,
                         std::string_view feature) {
  const auto what = parse_token(payload);
  if (!what || what->from_server || what->number >= sent_.size()) {
    return log_.violated("the server received what nobody sent: ", payload.substr(0, 40));
  }
  const auto id = what->number;
  auto& one = sent_[id];
  log_.note("  server: message ", id, " under number ", number, " on link ", link);
  if (payload.size() + 2 != one.size || feature != feature_names[one.what.feature])
    log_.violated("message ", id, " arrived changed");
  if (auto& last = last_on_link_[link]; number <= last) {
    log_.violated("number ", number, " arrived after ", last, " on one link");
  } else {
    last = number;
  }
  if (one.number != 0 && one.number != number)
    log_.violated("message ", id, " has come under number ", one.number, ", and comes under ", number);
  one.number = number;
  if (const auto known = by_number_.emplace(number, id).first->second; known != id)
    log_.violated("number ", number, " is that of message ", known, " and of message ", id);
  if (one.result && one.result->outcome != delivery::acked && one.result->outcome != delivery::in_doubt)
    log_.violated("message ", id, " was reported ", to_string(one.result->outcome), ", and has arrived");
  throttles_.arrived(id, feature);
}

// Numbers grow; within what was never held back by a feature, or by the same one, so do the messages.
void deliveries::processed(std::string_view payload) {
  const auto id = parse_token(payload)->number;
  auto& one = sent_[id];
  log_.note("  server: message ", id, " has its effect");
  if (std::exchange(one.processed, true)) log_.violated("message ", id, " has its effect twice");
  const std::string feature(feature_names[one.what.feature]);
  const auto before = last_of_feature_.find(feature);
  if (before != last_of_feature_.end() && before->second > id)
    log_.violated("message ", id, " was overtaken by ", before->second);
  for (const auto& each : {feature, std::string()}) {
    auto& last = last_of_feature_[each];
    last = std::max(last, id);
  }
}

bool deliveries::has_ended_since(std::uint64_t sequence) const {
  const auto& all = states_.all();
  const auto from = all.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(sequence, all.size()));
  return std::any_of(from, all.end(), [](const auto& each) { return each.final; });
}

// Without a session it has nowhere to go, so nothing but its age decides.
void deliveries::check_age(std::size_t id) const {
  const auto& one = sent_[id];
  if (one.what.time_to_live == 0ms || clock::now() <= one.at + one.what.time_to_live || one.number != 0)
    return;
  const auto& all = states_.all();
  const auto from = all.begin() + static_cast<std::ptrdiff_t>(one.sequence == 0 ? 0 : one.sequence - 1);
  const bool was_open =
      std::any_of(from, all.end(), [](const auto& each) { return transitions::is_open(each.to); });
  if (!was_open) log_.violated("message ", id, " waits, though its time is over");
}

void deliveries::check() {
  for (const auto id : std::exchange(given_up_, {})) {
    const auto& one = sent_[id];
    if (has_ended_since(one.sequence)) continue;
    log_.violated("message ", id, " is given up (", to_string(one.result->outcome), ", ",
                  one.result->reason.message(), ") though another session follows");
  }
  for (const auto id : waiting_) check_age(id);
  std::size_t bytes = 0;
  for (const auto id : waiting_) bytes += sent_[id].size;
  if (waiting_.size() > limits_.outbound_messages)
    log_.violated(waiting_.size(), " messages wait to be acknowledged");
  const bool first_is_large = !waiting_.empty() && sent_[waiting_.front()].size > limits_.outbound_bytes;
  if (bytes > limits_.outbound_bytes && !first_is_large)
    log_.violated(bytes, " bytes wait to be acknowledged");
}

std::string deliveries::first_waiting() const {
  return waiting_.empty() ? "none" : std::to_string(waiting_.front());
}

}  // namespace sim
