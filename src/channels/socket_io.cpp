// Engine.IO opens, pings and carries packets; a packet of Socket.IO joins the namespace, is an event, or
// acknowledges one. Binary arguments follow their packet, a frame each.
module;
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.channels;

import holdfast.core;
import :endpoint_url;
import :json_frame;
import :socket_io;
import :socket_io_packet;

namespace holdfast::channels {
namespace {

constexpr std::size_t most_attached_bytes = std::size_t{64} << 20;  // of one packet
constexpr std::size_t most_early_bytes = std::size_t{4} << 20;  // of events before the namespace is joined
constexpr std::chrono::hours longest_silence{24};
// A server refuses events with these names, and closes the connection.
constexpr std::array<std::string_view, 6> reserved_events{"connect",       "connect_error", "disconnect",
                                                          "disconnecting", "newListener",   "removeListener"};
constexpr std::string_view no_such_namespace = "Invalid namespace";

json::array arguments_of(const json::value& params) {
  if (params.is_null()) return {};
  if (const auto* const list = params.if_array()) return *list;
  return json::array(1, params);
}

// Of the answer that opens Engine.IO; empty: it is no sensible one.
std::optional<clock::duration> time_field(const json::value& of, std::string_view name) {
  const auto* const found = field_of(of, name);
  const auto* const number = found == nullptr ? nullptr : found->if_int64();
  if (number == nullptr || *number < 0 || *number > std::chrono::milliseconds(longest_silence).count())
    return std::nullopt;
  return std::chrono::milliseconds(*number);
}

struct packet_with_attachments {
  socket_io_packet packet{};
  std::vector<std::string> attachments{};
  std::size_t bytes = 0;
};

bool is_event(socket_io_type type) {
  return type == socket_io_type::event || type == socket_io_type::binary_event;
}

constexpr std::string_view no_event = "event: must be an array that begins with its name";

bool has_name(const json::value& data) {
  const auto* const list = data.if_array();
  return list != nullptr && !list->empty() && (list->front().is_string() || list->front().is_number());
}

class socket_io_dialect final : public dialect {
 public:
  explicit socket_io_dialect(socket_io_options how) : how_(std::move(how)) {}

  void prepare(options& given) const override {
    complete_urls(given, "/socket.io/", "EIO=4&transport=websocket");
  }
  [[nodiscard]] std::size_t attachments_in(const json::value& data) const override {
    return count_placeholders(data);
  }
  void opened(const session_facts& session, dialect_events&) override {
    token_ = session.token;
    is_ready_ = false;
    unfinished_.reset();
    early_.clear();
    early_bytes_ = 0;
  }
  void received(message_view frame, dialect_events& events) override {
    if (frame.kind == message_kind::binary) return take_attachment(frame.payload, events);
    const auto letter = frame.payload.empty() ? '\0' : frame.payload.front();
    const auto rest = frame.payload.substr(std::min<std::size_t>(1, frame.payload.size()));
    switch (letter) {
      case engine_io::open:
        return join_namespace(rest, events);
      case engine_io::close:
        return events.fail({.error = error::server_going_away, .close_code = close_codes::normal});
      case engine_io::ping:
        return events.send(std::string(1, engine_io::pong));
      case engine_io::pong:
      case engine_io::noop:
        return;
      case engine_io::message:
        return take_packet(rest, events);
      default:
        events.fail({.text = "frame: must be a packet of Engine.IO 4"});
    }
  }

  result<std::string> call(std::uint64_t id, std::string_view method,
                           const json::value& params) const override {
    return emit(std::to_string(id), method, params);
  }
  result<std::string> notify(std::string_view method, const json::value& params) const override {
    return emit({}, method, params);
  }
  result<std::string> publish(const channel_request& channel, std::string_view event_name,
                              const json::value& data) const override {
    if (!event_name.empty() || !channel.params.is_null()) return make_error_code(error::message_invalid);
    return emit({}, channel.name, data);
  }
  result<std::string> answer(std::string_view id, const json::value& value,
                             const call_error* error) const override {
    if (error != nullptr) return make_error_code(holdfast::error::message_invalid);  // there is none
    return write_socket_io({.type = socket_io_type::ack,
                            .attachments = count_placeholders(value),
                            .name_space = how_.name_space,
                            .id = std::string(id),
                            .data = arguments_of(value)});
  }
  result<std::string> subscribe(std::uint64_t, const channel_request& channel) override {
    if (!channel.params.is_null()) return make_error_code(error::message_invalid);
    return std::string();
  }
  result<std::string> unsubscribe(std::uint64_t, const channel_request&) override { return std::string(); }
  [[nodiscard]] bool asks_for_channels() const noexcept override { return false; }

 private:
  [[nodiscard]] result<std::string> emit(std::string id, std::string_view name,
                                         const json::value& params) const {
    if (std::ranges::find(reserved_events, name) != reserved_events.end())
      return make_error_code(error::message_invalid);
    json::array data{json::value(json::string_view(name))};
    auto arguments = arguments_of(params);
    data.insert(data.end(), arguments.begin(), arguments.end());
    return write_socket_io({.type = socket_io_type::event,
                            .attachments = count_placeholders(params),
                            .name_space = how_.name_space,
                            .id = std::move(id),
                            .data = std::move(data)});
  }

  void join_namespace(std::string_view text, dialect_events& events) const {
    const auto facts = parse_frame(text).value_or(json::value());
    const auto interval = time_field(facts, "pingInterval");
    const auto patience = time_field(facts, "pingTimeout");
    if (!interval || !patience)
      return events.fail({.text = "open: must have pingInterval and pingTimeout, up to a day"});
    // The server pings: that is due within the one, and may be late by the other.
    if (const auto silence = *interval + *patience; silence > clock::duration::zero())
      events.expect_within(silence);
    json::object auth;
    if (!session_.empty() && !offset_.empty()) auth = {{"pid", session_}, {"offset", offset_}};
    if (const auto* const given = how_.auth.if_object()) {
      for (const auto& [name, value] : *given) auth[name] = value;
    }
    if (!how_.token_field.empty() && !token_.empty()) auth[how_.token_field] = token_;
    const auto data = auth.empty() ? json::value() : json::value(std::move(auth));
    events.send(
        write_socket_io({.type = socket_io_type::connect, .name_space = how_.name_space, .data = data}));
  }

  void take_packet(std::string_view text, dialect_events& events) {
    if (unfinished_) return events.fail({.text = "frame: must be an attachment of the packet before"});
    auto [packet, problem] = read_socket_io(text);
    if (!problem.empty()) return events.fail({.text = std::move(problem)});
    unfinished_ = packet_with_attachments{.packet = std::move(packet), .bytes = text.size()};
    finish_if_whole(events);
  }
  void take_attachment(std::string_view bytes, dialect_events& events) {
    if (!unfinished_)
      return events.fail({.text = "frame: a binary one must follow a packet that announces it"});
    auto& [packet, attachments, size] = *unfinished_;
    size += bytes.size();
    if (size > most_attached_bytes) return events.fail({.text = "packet: more than 64 MiB of attachments"});
    attachments.emplace_back(bytes);
    finish_if_whole(events);
  }
  void finish_if_whole(dialect_events& events) {
    if (unfinished_->attachments.size() < unfinished_->packet.attachments) return;
    auto whole = std::move(*unfinished_);
    unfinished_.reset();
    if (!whole.attachments.empty() && count_placeholders(whole.packet.data) > whole.attachments.size())
      return events.fail({.text = "packet: names attachments that do not follow"});
    finish(std::move(whole), events);
  }

  void finish(packet_with_attachments whole, dialect_events& events) {
    auto& packet = whole.packet;
    auto& attachments = whole.attachments;
    if (packet.type == socket_io_type::connect) return take_connect(packet, events);
    if (packet.name_space != how_.name_space) return;  // that we have not joined
    if (!is_ready_ && is_event(packet.type)) return keep(std::move(whole), events);
    switch (packet.type) {
      case socket_io_type::connect_error:
        return take_connect_error(packet.data, events);
      case socket_io_type::disconnect:
        return events.fail({.error = error::login_refused,
                            .text = "the server has disconnected this client",
                            .close_code = close_codes::normal});
      case socket_io_type::ack:
      case socket_io_type::binary_ack:
        return take_ack(std::move(packet), std::move(attachments), events);
      default:
        take_event(std::move(whole), events);
    }
  }
  void take_connect(const socket_io_packet& packet, dialect_events& events) {
    // A server of version 2 joins us to "/" unasked, and says nothing more.
    if (text_field(packet.data, "sid").empty())
      return events.fail({.error = error::login_refused,
                          .text = "the server speaks Socket.IO 2 (Engine.IO 3), which is not supported",
                          .close_code = close_codes::normal});
    if (packet.name_space != how_.name_space) return;
    if (std::exchange(is_ready_, true)) return events.fail({.text = "connect: must not come twice"});
    const std::string session(text_field(packet.data, "pid"));
    const bool recovered = !session.empty() && session == session_;
    if (!recovered) offset_.clear();
    session_ = session;
    events.ready(recovered);
    early_bytes_ = 0;
    for (auto& each : std::exchange(early_, {})) finish(std::move(each), events);
  }
  // A server that recovers a session sends what was missed before it says that it does.
  void keep(packet_with_attachments whole, dialect_events& events) {
    if (!has_name(whole.packet.data)) return events.fail({.text = std::string(no_event)});
    early_bytes_ += whole.bytes + sizeof(whole);
    if (early_bytes_ > most_early_bytes) {
      session_.clear();  // the next attempt would get them again
      return events.fail({.text = "event: more than 4 MiB of them come before the answer to connect"});
    }
    early_.push_back(std::move(whole));
  }
  static void take_connect_error(const json::value& why, dialect_events& events) {
    const auto text = why.is_string() ? plain_text(why) : std::string(text_field(why, "message"));
    events.fail({.error = text == no_such_namespace ? error::login_refused : error::unauthorized,
                 .text = text,
                 .close_code = close_codes::normal});
  }
  static void take_ack(socket_io_packet packet, std::vector<std::string> attachments,
                       dialect_events& events) {
    const json::value digits(packet.id);
    const auto id = our_id(&digits);
    if (id == 0 || !packet.data.is_array())
      return events.fail({.text = "acknowledgement: must have an id that we gave, and an array"});
    events.reply(id, std::move(packet.data), std::move(attachments));
  }
  void take_event(packet_with_attachments whole, dialect_events& events) {
    auto& [packet, attachments, bytes] = whole;
    if (!has_name(packet.data)) return events.fail({.text = std::string(no_event)});
    auto* const data = packet.data.if_array();
    const auto name = plain_text(data->front());
    data->erase(data->begin());
    if (!packet.id.empty())
      return events.call(packet.id, name, std::move(packet.data), std::move(attachments));
    // The official client, too, cannot tell the position from a string of the program's.
    std::string position;
    if (!session_.empty() && !data->empty() && data->back().is_string()) position = plain_text(data->back());
    if (!position.empty()) offset_ = position;
    if (!events.is_channel(name))
      return events.call({}, name, std::move(packet.data), std::move(attachments));
    events.publish({.alias = name},
                   {.name = name, .data = std::move(packet.data), .attachments = std::move(attachments)},
                   position, bytes);
  }

  const socket_io_options how_;
  std::string token_;
  std::string session_;                                // that the server recovers; empty: it does not
  std::string offset_;                                 // of the last event
  std::optional<packet_with_attachments> unfinished_;  // whose attachments have not all come
  std::vector<packet_with_attachments> early_;         // events before the namespace was joined
  std::size_t early_bytes_ = 0;
  bool is_ready_ = false;
};

}  // namespace

dialect_factory socket_io(socket_io_options how) {
  const auto& name = how.name_space;
  if (!name.starts_with('/') || name.find(',') != std::string::npos)
    throw std::invalid_argument("socket_io_options.name_space: must begin with a slash, and have no comma");
  if (!how.auth.is_null() && !how.auth.is_object())
    throw std::invalid_argument("socket_io_options.auth: must be a JSON object, or null");
  return [how = std::move(how)] { return std::make_unique<socket_io_dialect>(how); };
}

}  // namespace holdfast::channels
