// A hole is in order exactly where the program was told of a gap. Sessions that were not resumed owe nothing
// to the one before.
#include "continuity.hpp"

#include <utility>

#include "tokens.hpp"

namespace sim {

std::size_t continuity::begin(std::uint64_t base) {
  sessions_.push_back({.base = base, .last = base});
  return sessions_.size() - 1;
}

std::string continuity::make(std::size_t session, std::size_t size) {
  const auto number = ++sessions_[session].last;
  return '"' + fill_token('s' + std::to_string(session) + '.' + std::to_string(number) + ':', size) + '"';
}

void continuity::ready(std::size_t link, std::size_t session, bool resumed,
                       const std::optional<holdfast::message_gap>& gap) {
  if (login_ && login_->link > link) return;  // a hello that comes when its client has long gone on
  login_ = {link, session, resumed, gap};
}

void continuity::connected(const holdfast::state_change& change) {
  if (!login_ || login_->link == told_link_) return log_.violated("connected, and no login was answered");
  told_link_ = login_->link;
  if (change.resumed != login_->resumed)
    log_.violated("the session is said to be ", change.resumed ? "resumed" : "new", ", which it is not");
  const auto& gap = login_->gap;
  if (change.gap.has_value() != gap.has_value() ||
      (gap && (gap->from != change.gap->from || gap->to != change.gap->to))) {
    log_.violated("the gap of session ", login_->session, " is not told as it was");
  }
  if (change.resumed && session_ != login_->session)
    log_.violated("session ", login_->session, " is resumed, and the program has never heard of it");
  if (!change.resumed && session_ && login_->session <= *session_)
    log_.violated("session ", login_->session, " is new, and was there before");
  session_ = login_->session;
  if (gap) sessions_[*session_].gaps.push_back(*gap);
}

void continuity::received(holdfast::message_kind kind, std::string_view payload) {
  const bool quoted = payload.size() > 2 && payload.front() == '"' && payload.back() == '"';
  const auto what = quoted ? parse_token(payload.substr(1, payload.size() - 2)) : std::nullopt;
  if (!what || !what->from_server || what->session >= sessions_.size() ||
      kind != holdfast::message_kind::text) {
    return log_.violated("received what the server never sent: ", payload.substr(0, 40));
  }
  log_.note("  received event ", what->number, " of session ", what->session);
  received_.push_back({what->session, what->number});
}

void continuity::received_batch(const holdfast::message_batch& batch) {
  if (batch.empty()) log_.violated("an empty batch");
  for (const auto each : batch) received(each.kind, each.payload);
  if (batch.size() > limits_.inbound_messages)
    log_.violated("batch of ", batch.size(), " messages is over the limit");
}

void continuity::check() {
  for (const auto& each : std::exchange(received_, {})) check(each);
}

void continuity::check(const event& one) {
  if (reading_ && one.session < *reading_)
    return log_.violated("an event of session ", one.session, " after one of ", *reading_);
  if (reading_ != one.session) {
    reading_ = one.session;
    next_ = sessions_[one.session].base + 1;
  }
  if (one.number != next_) pass_gaps();
  if (one.number != next_) {
    log_.violated("event ", one.number, " of session ", one.session, " where ", next_, " was to come");
  }
  if (one.number > sessions_[one.session].last) log_.violated("event ", one.number, " was never given");
  next_ = one.number + 1;
}

void continuity::pass_gaps() {
  for (const auto& each : sessions_[*reading_].gaps) {
    if (each.from == next_) next_ = each.to + 1;
  }
}

bool continuity::complete() const {
  if (!session_) return true;
  const auto& given = sessions_[*session_];
  auto next = reading_ == session_ ? next_ : given.base + 1;
  for (const auto& each : given.gaps) {
    if (each.from == next) next = each.to + 1;
  }
  return next == given.last + 1;
}

}  // namespace sim
