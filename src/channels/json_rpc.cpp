// JSON-RPC 2.0. A frame is a request, a notification, an answer, or an array of them (section 6).
module;
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <charconv>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

module holdfast.channels;

import holdfast.core;
import :json_frame;
import :json_rpc;

namespace holdfast::channels {
namespace {

std::string request(std::string_view method, const json::value& params, std::uint64_t id) {
  std::string out = R"({"jsonrpc":"2.0","method":)";
  append_string(out, method);
  if (!params.is_null()) out.append(",\"params\":").append(json::serialize(params));
  if (id != 0) out.append(",\"id\":").append(std::to_string(id));
  return out += '}';
}

// Section 4.2: parameters are an array or an object.
bool can_be_params(const json::value& given) {
  return given.is_null() || given.is_array() || given.is_object();
}

call_error error_of(json::value given) {
  call_error out{.text = std::string(text_field(given, "message")), .data = take_field(given, "data")};
  if (const auto* const code = field_of(given, "code")) out.code = plain_text(*code);
  if (out.code.empty() && out.text.empty()) out.text = plain_text(given);
  return out;
}

std::int64_t code_number(std::string_view code) {
  if (code == method_not_found) return -32601;
  std::int64_t value = 0;
  const auto [stopped, failed] = std::from_chars(code.data(), code.data() + code.size(), value);
  return failed == std::errc() && stopped == code.data() + code.size() ? value : -32000;
}

class json_rpc_dialect final : public dialect {
 public:
  explicit json_rpc_dialect(json_rpc_options how) : how_(std::move(how)) {}

  void prepare(options& given) const override {
    if (!how_.subprotocol.empty()) given.subprotocols = {how_.subprotocol};
  }
  void opened(const session_facts&, dialect_events& events) override { events.ready(false); }
  void received(message_view frame, dialect_events& events) override {
    auto read = parse_frame(frame.payload);
    if (!read) return events.fail({.text = std::string(not_json)});
    if (auto* const batch = read->if_array()) {
      for (auto& each : *batch) take(std::move(each), events);
    } else {
      take(std::move(*read), events);
    }
  }

  result<std::string> call(std::uint64_t id, std::string_view method,
                           const json::value& params) const override {
    if (!can_be_params(params)) return make_error_code(error::message_invalid);
    return request(method, params, id);
  }
  result<std::string> notify(std::string_view method, const json::value& params) const override {
    return call(0, method, params);
  }
  result<std::string> answer(std::string_view id, const json::value& value,
                             const call_error* error) const override {
    std::string out = R"({"jsonrpc":"2.0","id":)";
    out.append(id);
    if (error == nullptr) {
      out.append(",\"result\":").append(json::serialize(value));
    } else {
      out.append(",\"error\":{\"code\":")
          .append(std::to_string(code_number(error->code)))
          .append(",\"message\":");
      append_string(out, error->text);
      if (!error->data.is_null()) out.append(",\"data\":").append(json::serialize(error->data));
      out += '}';
    }
    return out += '}';
  }
  result<std::string> subscribe(std::uint64_t id, const channel_request& channel) override {
    if (how_.channels == json_rpc_channels::by_method) return std::string();
    json::array params{json::value(json::string_view(channel.name))};
    // rpc-websockets takes each parameter for the name of an event.
    if (how_.channels == json_rpc_channels::by_event && !channel.params.is_null())
      return make_error_code(error::message_invalid);
    if (const auto* const more = channel.params.if_array()) {
      params.insert(params.end(), more->begin(), more->end());
    } else if (!channel.params.is_null()) {
      params.push_back(channel.params);
    }
    return request(subscribe_method(), params, id);
  }
  result<std::string> unsubscribe(std::uint64_t id, const channel_request& channel) override {
    if (how_.channels == json_rpc_channels::by_method) return std::string();
    if (how_.channels == json_rpc_channels::by_event)
      return request(unsubscribe_method(), json::array{json::value(json::string_view(channel.name))}, id);
    const auto alias = parse_frame(channel.alias);
    if (!alias) return std::string();  // not confirmed yet
    return request(unsubscribe_method(), json::array{*alias}, id);
  }
  [[nodiscard]] channel_reply read_reply(std::string_view name, const json::value& reply) const override {
    if (how_.channels == json_rpc_channels::by_alias) return {.alias = json::serialize(reply)};
    const auto* const found =
        field_of(reply, name);  // rpc-websockets: {NAME: "ok"}, or what is wrong with it
    const auto said = found == nullptr ? std::string("ok") : plain_text(*found);
    if (said == "ok" || said == "socket has already been subscribed to event") return {};
    return {.refusal = call_error{.text = said}};
  }

  [[nodiscard]] bool asks_for_channels() const noexcept override {
    return how_.channels != json_rpc_channels::by_method;
  }

 private:
  [[nodiscard]] std::string_view subscribe_method() const {
    if (!how_.subscribe_method.empty()) return how_.subscribe_method;
    return how_.channels == json_rpc_channels::by_event ? "rpc.on" : "subscribe";
  }
  [[nodiscard]] std::string_view unsubscribe_method() const {
    if (!how_.unsubscribe_method.empty()) return how_.unsubscribe_method;
    return how_.channels == json_rpc_channels::by_event ? "rpc.off" : "unsubscribe";
  }

  void take(json::value frame, dialect_events& events) const {
    if (!frame.is_object()) return events.fail({.text = "frame: must be an object, or an array of them"});
    if (field_of(frame, "method") != nullptr) return take_request(std::move(frame), events);
    if (const auto name = text_field(frame, "notification"); !name.empty()) {
      const std::string channel(name);
      return events.publish({.alias = channel}, {.name = channel, .data = take_field(frame, "params")}, {});
    }
    take_answer(std::move(frame), events);
  }
  void take_request(json::value frame, dialect_events& events) const {
    const std::string method(text_field(frame, "method"));
    if (method.empty()) return events.fail({.text = "method: must be a string that is not empty"});
    auto params = take_field(frame, "params");
    if (const auto* const id = field_of(frame, "id"); id != nullptr && !id->is_null())
      return events.call(json::serialize(*id), method, std::move(params), {});
    if (const auto* const alias = field_of(params, "subscription");
        alias != nullptr && how_.channels == json_rpc_channels::by_alias) {
      const auto named = json::serialize(*alias);
      return events.publish({.alias = named}, {.name = method, .data = take_field(params, "result")}, {});
    }
    if (how_.channels == json_rpc_channels::by_method && events.is_channel(method))
      return events.publish({.alias = method}, {.name = method, .data = std::move(params)}, {});
    events.call({}, method, std::move(params), {});
  }
  void take_answer(json::value frame, dialect_events& events) const {
    const auto id = our_id(field_of(frame, "id"));
    const auto* const error = field_of(frame, "error");
    const bool is_error = error != nullptr && !error->is_null();
    // A method that returns nothing is answered without a result by some servers.
    if (!is_error && field_of(frame, "result") == nullptr && id == 0)
      return events.fail({.text = "frame: must have a method, a result or an error"});
    if (!is_error) return events.reply(id, take_field(frame, "result"), {});
    auto why = error_of(take_field(frame, "error"));
    if (id != 0) return events.refuse(id, std::move(why), true);
    // Of a notification that it does not know, a server says so without an id, too.
    if (why.code == "-32700" || why.code == "-32600")
      events.fail({.text = "the server could not read a request: " + why.text});
  }

  const json_rpc_options how_;
};

}  // namespace

dialect_factory json_rpc(json_rpc_options how) {
  return [how = std::move(how)] { return std::make_unique<json_rpc_dialect>(how); };
}

}  // namespace holdfast::channels
