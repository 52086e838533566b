// The client's frames, by docs/protocol.md: what it breaks is a finding.
#include "v1_link.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <exception>
#include <utility>

namespace sim {

namespace json = boost::json;

using holdfast::message_kind;

namespace {

std::uint64_t number_in(const json::object& frame, const char* name) {
  return frame.at(name).to_number<std::uint64_t>();
}

std::string text_in(const json::object& frame, const char* name) {
  const auto* const found = frame.if_contains(name);
  return found == nullptr ? std::string() : std::string(found->as_string());
}

}  // namespace

v1_link::v1_link(v1_server& server, wire on)
    : server_(server), wire_(std::move(on)), number_(server.add(*this)) {}

v1_link::~v1_link() { server_.remove(*this); }

void v1_link::received(message_kind kind, std::string_view bytes) {
  auto& log = server_.around().log;
  if (kind != message_kind::text) return log.violated("the client sent a binary frame");
  try {
    const auto parsed = json::parse(bytes);
    const auto& frame = parsed.as_object();
    const auto type = text_in(frame, "type");
    if (type == "hello") return take_hello(frame);
    if (session == nullptr) return log.violated("the client sent ", type, " before it was ready");
    if (type == "message") return take_message(frame);
    if (type == "ping") return take_ping(number_in(frame, "id"));
    if (type == "ack") return server_.client_ack(*this, number_in(frame, "seq"));
    log.violated("the client sent a frame of the type ", type);
  } catch (const std::exception& e) {
    log.violated("the client's frame cannot be read: ", e.what(), ": ", bytes.substr(0, 100));
  }
}

template <class Object>
void v1_link::take_hello(const Object& frame) {
  auto& log = server_.around().log;
  if (hello_) return log.violated("the client said hello twice");
  if (number_in(frame, "version") != 1) log.violated("the client speaks another version");
  hello_.emplace();
  if (const auto* const resume = frame.if_contains("resume")) {
    hello_->session = text_in(resume->as_object(), "session");
    hello_->last_seq = number_in(resume->as_object(), "last_seq");
  }
  log.note("  server: hello on link ", number_, hello_->session ? ", resume " : "",
           hello_->session.value_or(""), hello_->session ? " from " : "",
           hello_->session ? std::to_string(hello_->last_seq) : "");
  server_.check_hello(*this, text_in(frame, "client"), hello_->session);
  const auto& habits = server_.habits();
  if (habits.login == login_answer::never) return;
  answer_at_ = clock::now() + (habits.login == login_answer::late ? habits.login_after : 0s);
  tend();
}

void v1_link::answer_login() {
  const auto refuse = [this](std::string_view code, bool fatal) {
    if (!fatal) server_.breaks_rules(*this);
    say(R"({"type":"error","code":")" + std::string(code) + R"(","text":"not now")" +
        (fatal ? R"(,"fatal":true})" : "}"));
  };
  switch (server_.habits().login) {
    case login_answer::unauthorized:
      return refuse("unauthorized", false);
    case login_answer::refused:
      return refuse("internal", false);
    case login_answer::fatal:
      return refuse("bad_request", true);
    case login_answer::event_first:
      server_.breaks_rules(*this);
      return say(R"({"type":"event","seq":1,"data":null})");
    default:
      say(server_.log_in(*this, hello_->session, hello_->last_seq));
      return server_.go_on(*this);
  }
}

template <class Object>
void v1_link::take_message(const Object& frame) {
  const auto& data = frame.at("data").as_string();
  server_.message(*this, number_in(frame, "id"), {data.data(), data.size()}, text_in(frame, "feature"));
  ++unacknowledged_;
  plan_ack();
}

void v1_link::plan_ack() {
  const auto& habits = server_.habits();
  switch (habits.acks) {
    case ack_habit::never:
      return;
    case ack_habit::at_once:
      return acknowledge();
    case ack_habit::twice:
      acknowledge();
      say(R"({"type":"ack","id":)" + std::to_string(server_.last_processed() / 2) + "}");
      return acknowledge();
    case ack_habit::in_batches:
      if (unacknowledged_ >= habits.ack_batch) return acknowledge();
      [[fallthrough]];
    case ack_habit::late:
      if (!ack_at_) ack_at_ = clock::now() + habits.ack_after;
  }
}

void v1_link::acknowledge() {
  unacknowledged_ = 0;
  ack_at_.reset();
  if (session) say(R"({"type":"ack","id":)" + std::to_string(server_.last_processed()) + "}");
}

void v1_link::take_ping(std::uint64_t id) {
  auto& around = server_.around();
  if (id <= last_ping_) around.log.violated("ping ", id, " after ", last_ping_);
  last_ping_ = id;
  if (server_.habits().answers_pings) {
    lost_by_.reset();
    return say(R"({"type":"pong","id":)" + std::to_string(id) + "}");
  }
  around.log.note("  server: ping ", id, " is not answered");
  const auto& given = around.what.options;
  if (!lost_by_) lost_by_ = clock::now() + given.heartbeat.pong_deadline + given.close_timeout + 2s;
}

void v1_link::tend() {
  const auto now = clock::now();
  if (answer_at_ && now >= *answer_at_) {
    answer_at_.reset();
    answer_login();
  }
  if (ack_at_ && now >= *ack_at_) acknowledge();
}

clock::time_point v1_link::due() const noexcept {
  return std::min(answer_at_.value_or(clock::time_point::max()), ack_at_.value_or(clock::time_point::max()));
}

void v1_link::say(std::string_view bytes, message_kind kind) {
  server_.around().log.note("  server, link ", number_, ": ", bytes.substr(0, 120));
  wire_.say(kind, bytes);
}

// A client that has no room for it does not listen for a while.
void v1_link::say_event(std::uint64_t seq, std::string_view data) {
  auto frame = R"({"type":"event","seq":)" + std::to_string(seq) + R"(,"data":)" + std::string(data) + "}";
  const auto& around = server_.around();
  if (frame.size() > std::min(around.what.frame_bytes, around.what.options.limits.message_bytes))
    server_.breaks_rules(*this);
  if (lost_by_) *lost_by_ += around.what.options.heartbeat.pong_deadline + 2s;
  say(frame);
}

bool v1_link::leave(clock::duration wait) {
  if (std::exchange(leaves_, true)) return false;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  say(R"({"type":"go_away","reason":"restart")" +
      (ms == 0 ? "" : R"(,"reconnect_in_ms":)" + std::to_string(ms)) + "}");
  return true;
}

void v1_link::check(clock::time_point now) const {
  if (lost_by_ && now > *lost_by_)
    server_.around().log.violated("a heartbeat is not answered, and nobody leaves");
}

}  // namespace sim
