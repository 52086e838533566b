// graphql-transport-ws: connection_init and connection_ack, then operations by id, each with next, error and
// complete.
module;
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

module holdfast.channels;

import holdfast.core;
import :graphql_ws;
import :json_frame;

namespace holdfast::channels {
namespace {

// The close codes of the protocol that mean more than "try again".
constexpr std::uint16_t bad_request = 4400;
constexpr std::uint16_t unauthorized = 4401;
constexpr std::uint16_t forbidden = 4403;
constexpr std::uint16_t subprotocol_not_acceptable = 4406;
constexpr std::uint16_t subscriber_exists = 4409;
constexpr std::uint16_t too_many_inits = 4429;
constexpr std::uint16_t internal_error =
    4500;  // as the server graphql-ws has it, also for an operation it cannot parse

std::string operation(std::uint64_t id, std::string_view query, const json::value& variables) {
  std::string out = R"({"id":")" + std::to_string(id) + R"(","type":"subscribe","payload":{"query":)";
  append_string(out, query);
  if (!variables.is_null()) out.append(",\"variables\":").append(json::serialize(variables));
  return out += "}}";
}

bool can_be_variables(const json::value& given) { return given.is_null() || given.is_object(); }

std::string complete(std::uint64_t id) {
  return R"({"id":")" + std::to_string(id) + R"(","type":"complete"})";
}

// A list of errors, each with a message (GraphQL specification, section 7.1.2).
call_error execution_error(json::value errors) {
  call_error out;
  const auto* const list = errors.if_array();
  if (list != nullptr && !list->empty()) {
    out.text = text_field(list->front(), "message");
    if (const auto* const more = field_of(list->front(), "extensions")) out.code = text_field(*more, "code");
  }
  out.data = std::move(errors);
  return out;
}

bool has_no_data(const json::value& result) {
  const auto* const data = field_of(result, "data");
  return data == nullptr || data->is_null();
}

class graphql_ws_dialect final : public dialect {
 public:
  explicit graphql_ws_dialect(graphql_ws_options how) : how_(std::move(how)) {}

  void prepare(options& given) const override { given.subprotocols = {"graphql-transport-ws"}; }
  void opened(const session_facts& session, dialect_events& events) override {
    auto payload = how_.init;
    if (!how_.token_field.empty() && !session.token.empty()) {
      if (!payload.is_object()) payload.emplace_object();
      payload.as_object()[how_.token_field] = session.token;
    }
    acknowledged_ = false;
    std::string hello = R"({"type":"connection_init")";
    if (!payload.is_null()) hello.append(",\"payload\":").append(json::serialize(payload));
    events.send(hello += '}');
  }
  void received(message_view frame, dialect_events& events) override {
    auto read = parse_frame(frame.payload);
    if (!read) return events.fail({.text = std::string(not_json)});
    if (!read->is_object()) return events.fail({.text = "frame: must be a JSON object"});
    const auto type = text_field(*read, "type");
    if (type == "connection_ack") return take_ack(events);
    if (type == "ping") return events.send(R"({"type":"pong"})");
    if (type == "pong") return;
    const auto id = our_id(field_of(*read, "id"));
    if (id == 0 || (type != "next" && type != "error" && type != "complete"))
      return events.fail({.text = "frame: must be of a type of graphql-transport-ws, with an id that we gave",
                          .close_code = bad_request});
    if (type == "error") return events.refuse(id, execution_error(take_field(*read, "payload")), true);
    if (type == "complete") return take_complete(id, events);
    take_next(id, take_field(*read, "payload"), events);
  }
  end_verdict ended(const session_end& how) override {
    switch (how.reason.close_code) {
      case bad_request:
      case subprotocol_not_acceptable:
      case subscriber_exists:
      case too_many_inits:
      case internal_error:
        return {.error = error::login_refused};
      case unauthorized:
      case forbidden:  // the answer to a connection_init that the server does not like, such as an old token
        return {.error = error::unauthorized};
      default:
        return {};
    }
  }

  result<std::string> call(std::uint64_t id, std::string_view method,
                           const json::value& params) const override {
    if (!can_be_variables(params)) return make_error_code(error::message_invalid);
    return operation(id, method, params);
  }
  result<std::string> subscribe(std::uint64_t id, const channel_request& channel) override {
    return call(id, channel.name, channel.params);
  }
  result<std::string> unsubscribe(std::uint64_t id, const channel_request&) override { return complete(id); }
  [[nodiscard]] std::string cancel(std::uint64_t id) const override { return complete(id); }
  [[nodiscard]] bool confirms() const noexcept override { return false; }

 private:
  void take_ack(dialect_events& events) {
    if (std::exchange(acknowledged_, true))
      return events.fail({.text = "connection_ack: must not come twice", .close_code = bad_request});
    events.ready(false);
  }
  // Calls and subscriptions share the ids: of one that is a channel this is an event, of a call it is the
  // answer.
  static void take_next(std::uint64_t id, json::value result, dialect_events& events) {
    const bool has_errors = field_of(result, "errors") != nullptr;
    if (events.is_channel(id)) {
      // A subscription that could not start.
      if (has_errors && field_of(result, "data") == nullptr)
        return events.refuse(id, execution_error(take_field(result, "errors")), true);
      return events.publish({.id = id}, {.data = std::move(result)}, {});
    }
    if (has_errors && has_no_data(result))
      return events.refuse(id, execution_error(take_field(result, "errors")), true);
    events.reply(id, std::move(result), {});
  }
  static void take_complete(std::uint64_t id, dialect_events& events) {
    if (events.is_channel(id)) return events.unsubscribed({.id = id}, std::nullopt, false);
    events.reply(id, {}, {});  // a call that was completed without a result
  }

  const graphql_ws_options how_;
  bool acknowledged_ = false;
};

}  // namespace

dialect_factory graphql_ws(graphql_ws_options how) {
  if (!can_be_variables(how.init))
    throw std::invalid_argument("graphql_ws_options.init: must be a JSON object, or null");
  return [how = std::move(how)] { return std::make_unique<graphql_ws_dialect>(how); };
}

}  // namespace holdfast::channels
