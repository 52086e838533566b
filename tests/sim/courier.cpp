// The truth about messages: in order, once, never from an older session after a newer one, and results that
// do not lie.
#include "courier.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <utility>

#include "tokens.hpp"

namespace sim {

using holdfast::delivery;
using holdfast::message_kind;

namespace {

constexpr std::uint64_t own = std::uint64_t{1} << 63U;
constexpr auto recently = 5s;
constexpr std::size_t little = 16 * 1024;  // that any calm link takes

}  // namespace

std::size_t courier::prepare(std::size_t size, message_kind kind, bool valid) {
  sent_.push_back({.size = size, .kind = kind, .valid = valid, .at = clock::now()});
  return sent_.size() - 1;
}

std::string courier::payload(std::size_t id) const {
  auto out = fill_token(std::to_string(id) + ':', sent_[id].size);
  if (!sent_[id].valid) out.back() = '\xff';
  return out;
}

void courier::started(std::size_t id, bool open) {
  sent_[id].open = open;
  sent_[id].detached = false;
  waiting_.push_back(id);
}

void courier::settled(std::size_t id, const holdfast::send_result& result) {
  auto& one = sent_[id];
  one.result = result;
  std::erase(waiting_, id);
  log_.note("  message ", id, ": ", to_string(result.outcome), result.reason ? ", " : "",
            result.reason ? result.reason.message() : "");
  if (result.ok() == static_cast<bool>(result.reason))
    log_.violated("message ", id, ": result contradicts its reason");
  if (result.outcome == delivery::in_doubt && result.reason != boost::system::errc::operation_canceled) {
    log_.violated("message ", id, " in doubt, though it was not cancelled");
  }
  if (result.ok() && !one.valid) log_.violated("message ", id, " is not UTF-8, and was written");
  if (result.ok() && one.size > limits_.message_bytes)
    log_.violated("message ", id, " is too big, and was written");
  const bool refused_offline =
      result.outcome == delivery::not_sent && result.reason == holdfast::error::no_connection;
  if (refused_offline && one.open)
    log_.violated("message ", id, " refused with no_connection while connected");
  if (result.outcome == delivery::not_sent && one.arrived_in) {
    log_.violated("message ", id, " is reported not_sent, and the server has it");
  }
  check_answer(id);
}

// What came together with a close frame is answered before that takes effect (R64).
void courier::check_answer(std::size_t id) const {
  const auto& one = sent_[id];
  if (!one.answers) return;
  if (one.arrived_in && *one.arrived_in != *one.answers)
    log_.violated("message ", id, " answers one of session ", *one.answers, ", and arrives in session ",
                  *one.arrived_in);
  if (one.result && one.result->reason == holdfast::error::closed_by_peer)
    log_.violated("message ", id, " answers one that came before the close frame, and has not left");
}

bool courier::has_room_for_more() const {
  std::size_t bytes = 0;
  for (const auto id : waiting_) bytes += sent_[id].size;
  for (auto one = sent_.rbegin(); one != sent_.rend() && one->at + recently >= clock::now(); ++one)
    bytes += one->size;
  return bytes < little;
}

std::size_t courier::open_session() {
  sessions_.emplace_back();
  return sessions_.size() - 1;
}

void courier::arrived(std::size_t session, message_kind kind, std::string_view payload) {
  const auto what = parse_token(payload);
  if (!what || what->from_server || what->number >= sent_.size()) {
    return log_.violated("the server received what nobody sent: ", payload.substr(0, 40));
  }
  const auto id = what->number;
  auto& one = sent_[id];
  auto& list = sessions_[session].arrived;
  log_.note("  server: message ", id, " in session ", session);
  if (payload.size() != one.size || kind != one.kind) log_.violated("message ", id, " arrived changed");
  if (one.arrived_in) log_.violated("message ", id, " arrived twice");
  if (one.result && one.result->outcome == delivery::not_sent) {
    log_.violated("message ", id, " was reported not_sent, and has arrived");
  }
  if (!list.empty() && list.back() > id) log_.violated("message ", id, " arrived after ", list.back());
  one.arrived_in = session;
  list.push_back(id);
  check_answer(id);
}

void courier::echoed(std::size_t session, std::string_view payload) {
  if (const auto what = parse_token(payload)) sessions_[session].sent.push_back(what->number);
}

std::string courier::make(std::size_t session, std::size_t size) {
  auto& from = sessions_[session];
  from.sent.push_back(own | from.own);
  return fill_token('s' + std::to_string(session) + '.' + std::to_string(from.own++) + ':', size);
}

void courier::received(message_kind kind, std::string_view payload) {
  const auto what = parse_token(payload);
  if (!what) return log_.violated("received what the server never sent: ", payload.substr(0, 40));
  auto session = what->session;
  if (!what->from_server) {
    if (what->number >= sent_.size() || !sent_[what->number].arrived_in) {
      return log_.violated("received an echo of message ", what->number, ", which has not arrived");
    }
    session = *sent_[what->number].arrived_in;
    if (sent_[what->number].kind != kind) log_.violated("the echo of ", what->number, " is of another kind");
  }
  log_.note("  received ", what->from_server ? "server's " : "echo of ", what->number, " of session ",
            session);
  if (session >= sessions_.size()) return log_.violated("received a message of a session that never was");
  if (session < reading_session_) {
    return log_.violated("received a message of session ", session, " after one of ", reading_session_);
  }
  if (session > reading_session_) reading_position_ = 0;
  reading_session_ = session;
  const auto& list = sessions_[session].sent;
  const auto wanted = what->from_server ? own | what->number : what->number;
  if (reading_position_ >= list.size() || list[reading_position_] != wanted) {
    log_.violated("received number ", reading_position_, " of session ", session,
                  " out of order, twice or with a gap");
  }
  ++reading_position_;
}

void courier::received_batch(const holdfast::message_batch& batch) {
  if (batch.empty()) log_.violated("an empty batch");
  std::size_t last = 0;
  for (const auto each : batch) {
    received(each.kind, each.payload);
    last = each.payload.size();
  }
  if (batch.size() > limits_.inbound_messages)
    log_.violated("batch of ", batch.size(), " messages is over the limit");
  if (batch.size_bytes() - last >= limits_.inbound_bytes && batch.size() > 1) {
    log_.violated("batch of ", batch.size_bytes(), " bytes is over the limit");
  }
}

void courier::check_bounds() {
  std::size_t bytes = 0;
  for (const auto id : waiting_) bytes += sent_[id].size;
  if (waiting_.size() > limits_.outbound_messages)
    log_.violated(waiting_.size(), " messages wait to be written");
  if (bytes > limits_.outbound_bytes && waiting_.size() > 1) check_large(bytes);
}

// One message that is larger than the limit is taken when nothing waits (R69); what follows it is refused.
void courier::check_large(std::size_t bytes) {
  const auto first = sent_[waiting_.front()].size;
  if (first <= limits_.outbound_bytes) log_.violated(bytes, " bytes wait to be written");
}

std::size_t courier::lost_since(std::size_t id) const {
  std::size_t count = 0;
  for (; id < sent_.size(); ++id) {
    const auto& result = sent_[id].result;
    count += result && result->outcome == delivery::not_sent && result->reason == holdfast::error::closed;
  }
  return count;
}

// Both arrived in one session: what was sent between them must have arrived too, unless it was refused.
void courier::check_gap(std::size_t before, std::size_t after) {
  for (auto id = before + 1; id < after; ++id) {
    const auto& one = sent_[id];
    if (one.detached || !one.result || one.result->outcome == delivery::not_sent) continue;
    log_.violated("message ", id, " is reported ", to_string(one.result->outcome), ", but only ", before,
                  " and ", after, " have arrived");
  }
}

void courier::check_truth() {
  for (const auto& each : sessions_) {
    for (std::size_t i = 1; i < each.arrived.size(); ++i) check_gap(each.arrived[i - 1], each.arrived[i]);
  }
}

}  // namespace sim
