// What a server must do for effectively-once delivery (docs/protocol.md), with the freedom that it has there.
#include "v1_server.hpp"

#include <algorithm>
#include <utility>

#include "v1_link.hpp"
#include "v1_rubbish.hpp"

namespace sim {

using holdfast::error;

namespace {

std::int64_t milliseconds_of(clock::duration span) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

}  // namespace

std::size_t v1_server::add(v1_link& link) {
  links_.push_back(&link);
  return link_count_++;
}

void v1_server::remove(v1_link& link) {
  std::erase(links_, &link);
  if (link.session && link.session->link == &link) link.session->link = nullptr;
}

// Where a session ended because the server broke the rules, the client begins anew; else it wants to go on.
void v1_server::check_hello(const v1_link& link, std::string_view client,
                            const std::optional<std::string>& session) {
  auto& log = around_.log;
  if (heard_login_) heard_login_();
  const bool is_hexadecimal = client.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (client.size() != 32 || !is_hexadecimal) log.violated("the client is called ", client);
  if (client_.empty()) client_ = client;
  if (client_ != client) log.violated("the client has got another name");
  if (around_.news.link() && link.number() < *around_.news.link()) return;  // it has come too late
  const bool wants_to_go_on = around_.news.link() && !broken_on_;
  if (!session && wants_to_go_on) log.violated("the client could have gone on with its session");
  if (session && must_begin_anew_) log.violated("the client goes on with a session whose frames it refused");
  must_begin_anew_ = false;
}

std::shared_ptr<v1_session> v1_server::find(std::string_view name) const {
  const auto found = std::ranges::find(sessions_, name, &v1_session::name);
  return found == sessions_.end() ? nullptr : *found;
}

std::shared_ptr<v1_session> v1_server::begin() {
  const auto base = dice_.pick<std::uint64_t>({0, 0, 7, 1'000'000'000'000});
  auto made = std::make_shared<v1_session>();
  made->index = around_.news.begin(base);
  made->name = "s" + std::to_string(made->index);
  made->first_kept = base + 1;
  made->acknowledged = base;
  sessions_.push_back(made);
  return made;
}

std::string v1_server::log_in(v1_link& link, const std::optional<std::string>& session,
                              std::uint64_t last_seq) {
  auto& log = around_.log;
  auto found = session ? find(*session) : nullptr;
  if (found && last_seq > around_.news.last_of(found->index))
    log.violated("the client has seen event ", last_seq, ", which was never given");
  const bool too_late = around_.news.link() && link.number() < *around_.news.link();
  if (found && last_seq < found->acknowledged && !too_late)
    log.violated("the client goes on behind ", last_seq, ", and has acknowledged ", found->acknowledged);
  const bool resumed = found != nullptr;
  if (!found) found = begin();
  if (found->link != nullptr) found->link->hang_up();  // two sockets must never serve one session
  found->link = &link;
  link.session = current_ = found;
  std::optional<holdfast::message_gap> gap;
  auto seq = around_.news.last_of(found->index);
  if (resumed) {
    if (last_seq + 1 < found->first_kept) gap = {last_seq + 1, found->first_kept - 1};
    // It may send again what the client has got.
    const auto again = dice_.chance(30) ? std::min<std::uint64_t>(last_seq, 2) : 0;
    seq = gap ? gap->to : std::max(found->first_kept - 1, last_seq - again);
  }
  link.resend_from = seq + 1;
  around_.news.ready(link.number(), found->index, resumed, gap);
  auto out = R"({"type":"ready","session":")" + found->name + R"(","resumed":)" +
             (resumed ? "true" : "false") + R"(,"seq":)" + std::to_string(seq);
  if (habits_.heartbeat != 0s)
    out += R"(,"heartbeat_ms":)" + std::to_string(milliseconds_of(habits_.heartbeat));
  if (dice_.chance(70)) out += R"(,"last_id":)" + std::to_string(last_processed_);
  if (gap)
    out += R"(,"gap":{"from":)" + std::to_string(gap->from) + R"(,"to":)" + std::to_string(gap->to) + "}";
  return out + "}";
}

void v1_server::go_on(v1_link& link) {
  if (!throttled_.empty()) say_throttled(link);
  const auto& session = *link.session;
  for (std::size_t n = 0; n < session.kept.size(); ++n) {
    const auto seq = session.first_kept + n;
    if (seq >= link.resend_from) link.say_event(seq, session.kept[n]);
  }
}

void v1_server::message(v1_link& link, std::uint64_t number, std::string_view payload,
                        std::string_view feature) {
  around_.mail.arrived(link.number(), number, payload, feature);
  if (around_.log.failed() || number <= last_processed_) return;  // processed already, or given up
  last_processed_ = number;
  around_.mail.processed(payload);
  if (dice_.chance(40)) tell(1, 40);
}

void v1_server::client_ack(v1_link& link, std::uint64_t seq) {
  auto& session = *link.session;
  if (seq <= session.acknowledged || seq > around_.news.last_of(session.index))
    return around_.log.violated("the client acknowledges event ", seq, " after ", session.acknowledged);
  session.acknowledged = seq;
  while (!session.kept.empty() && session.first_kept <= seq) {
    session.kept.pop_front();
    ++session.first_kept;
  }
  session.first_kept = std::max(session.first_kept, seq + 1);
}

void v1_server::trim(v1_session& session) const {
  while (session.kept.size() > habits_.retained) {
    session.kept.pop_front();
    ++session.first_kept;
  }
}

void v1_server::tell(std::size_t count, std::size_t size) {
  if (!current_) return;
  auto& session = *current_;
  for (; count > 0; --count) {
    session.kept.push_back(around_.news.make(session.index, size));
    if (session.link != nullptr)
      session.link->say_event(around_.news.last_of(session.index), session.kept.back());
    trim(session);
  }
}

void v1_server::throttle(std::size_t mask, clock::duration span) {
  throttled_.clear();
  for (std::size_t n = 1; n < feature_names.size(); ++n) {
    if ((mask >> (n - 1) & 1U) == 0) continue;
    throttled_.push_back({.name = std::string(feature_names[n])});
    if (span != 0s) throttled_.back().until = clock::now() + span;
  }
  for (auto* const each : links_) {
    if (each->is_ready()) say_throttled(*each);
  }
}

void v1_server::say_throttled(v1_link& link) {
  std::string list;
  std::vector<throttling::feature> told;
  for (const auto& each : throttled_) {
    told.push_back({.name = each.name});
    list += std::string(list.empty() ? "" : ",") + R"({"name":")" + each.name + R"(","reason":"busy")";
    if (each.until && *each.until > clock::now()) {
      const auto span = milliseconds_of(*each.until - clock::now());
      told.back().span = std::chrono::milliseconds(span);
      list += R"(,"for_ms":)" + std::to_string(span);
    }
    list += '}';
  }
  around_.throttles.told(std::move(told));
  link.say(R"({"type":"throttle","features":[)" + list + "]}");
}

void v1_server::breaks_rules(const v1_link& link) {
  broken_on_ = std::max(broken_on_.value_or(0), link.number());
}

void v1_server::break_rules(v1_link& link, std::size_t kind) {
  if (!link.is_ready()) kind %= 16;  // before it, what follows would be a login like any other
  const auto frame = odd_frame_of(kind, link.session ? around_.news.last_of(link.session->index) : 0);
  if (frame.breaks_rules || !link.is_ready()) breaks_rules(link);
  link.say(frame.text, frame.kind);
}

void v1_server::obey(const event& what) {
  around_.log.note("* server: ", to_string(what.what), ", ", what.number, ", ", what.which, ", ", what.span);
  switch (what.what) {
    case act::logins:
      habits_.login = static_cast<login_answer>(what.number);
      habits_.login_after = what.span;
      break;
    case act::forget:
      sessions_.clear();
      break;
    case act::retain:
      habits_.retained = what.number;
      for (const auto& each : sessions_) trim(*each);
      break;
    case act::acks:
      habits_.acks = static_cast<ack_habit>(what.number);
      habits_.ack_after = what.span;
      habits_.ack_batch = what.which;
      break;
    case act::heartbeat:
      habits_.heartbeat = what.span;
      habits_.answers_pings = what.which == 0;
      break;
    case act::throttle:
      return throttle(what.number, what.span);
    case act::tell:
      return tell(what.number, what.which);
    default:
      return follow(what);
  }
}

// What is said on the newest socket.
void v1_server::follow(const event& what) {
  if (links_.empty()) return;
  auto& link = *links_.back();
  if (what.what == act::bad_field) return break_rules(link, what.number);
  if (what.what == act::go_away) {
    if (link.leave(what.span)) around_.states.asked_to_leave(what.span);
  } else if (what.what == act::error) {
    const bool fatal = what.which == 1;
    if (!fatal && !link.is_ready()) breaks_rules(link);
    link.say(R"({"type":"error","code":"internal","fatal":)" + std::string(fatal ? "true" : "false") + "}");
  }
}

// Slow sockets would take for ever with what is to come.
void v1_server::behave() {
  habits_ = {};
  throttle(0, {});
  for (auto* const each : std::vector(links_)) {
    if (each->is_slow()) {
      each->hang_up();
    } else {
      each->acknowledge();
    }
  }
}

void v1_server::saw(const holdfast::state_change& change) {
  using enum holdfast::connection_state;
  if (change.to == connected && broken_on_ < around_.news.link()) broken_on_.reset();
  if (change.to != disconnected) return;
  const auto& why = change.reason.error;
  const bool refused =
      why == error::protocol_failed || why == error::message_too_big || why == error::invalid_utf8;
  if (!refused) return;
  if (!broken_on_)
    around_.log.violated("the client refuses a frame, though the server has kept to the rules");
  must_begin_anew_ = change.reason.at == holdfast::stage::session;
}

void v1_server::hears_nothing() {
  for (auto* const each : links_) each->expect_nothing();
}

void v1_server::check() {
  if (links_.empty() || around_.what.reader != reading::eager) return;
  if (transitions::is_open(around_.states.last().to) && links_.back()->is_ready())
    links_.back()->check(clock::now());
}

}  // namespace sim
