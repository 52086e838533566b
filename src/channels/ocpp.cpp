// OCPP-J: [2, id, action, payload], [3, id, payload], [4, id, code, description, details].
module;
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

module holdfast.channels;

import holdfast.core;
import :json_frame;
import :ocpp;

namespace holdfast::channels {
namespace {

constexpr std::uint64_t call_type = 2;
constexpr std::uint64_t result_type = 3;
constexpr std::uint64_t error_type = 4;

class ocpp_dialect final : public dialect {
 public:
  explicit ocpp_dialect(std::string version) : version_(std::move(version)) {}

  void prepare(options& given) const override { given.subprotocols = {version_}; }
  void opened(const session_facts&, dialect_events& events) override { events.ready(false); }
  void received(message_view frame, dialect_events& events) override {
    auto read = parse_frame(frame.payload);
    auto* const parts = read ? read->if_array() : nullptr;
    if (parts == nullptr || parts->size() < 3)
      return events.fail({.text = "frame: must be an array of at least three values"});
    const auto type = our_id(&parts->front());
    const auto id = (*parts)[1];
    if (!id.is_string()) return events.fail({.text = "frame: the id must be a string"});
    if (type == call_type) {
      if (parts->size() >= 4 && (*parts)[2].is_string())
        return events.call(json::serialize(id), (*parts)[2].as_string(), std::move((*parts)[3]), {});
      const call_error why{.code = version_ == "ocpp1.6" ? "FormationViolation" : "FormatViolation",
                           .text = "a call must have an action and a payload"};
      return events.send(*answer(json::serialize(id), {}, &why));
    }
    if (type == result_type) return events.reply(our_id(&id), std::move((*parts)[2]), {});
    if (type == error_type) return events.refuse(our_id(&id), error_from(*parts), true);
    // Other types are those of later versions, and passed over (OCPP-J 1.6, section 4.1.3).
  }

  result<std::string> call(std::uint64_t id, std::string_view method,
                           const json::value& params) const override {
    const json::value payload = params.is_null() ? json::value(json::object()) : params;
    return json::serialize(
        json::array{call_type, json::string_view(std::to_string(id)), json::string_view(method), payload});
  }
  result<std::string> answer(std::string_view id, const json::value& value,
                             const call_error* error) const override {
    const auto named = parse_frame(id).value_or(json::value());
    if (error == nullptr) {
      const json::value payload = value.is_null() ? json::value(json::object()) : value;
      return json::serialize(json::array{result_type, named, payload});
    }
    const std::string_view code = error->code == method_not_found ? "NotImplemented"
                                  : error->code.empty()           ? "InternalError"
                                                                  : std::string_view(error->code);
    const json::value details = error->data.is_object() ? error->data : json::value(json::object());
    return json::serialize(
        json::array{error_type, named, json::string_view(code), json::string_view(error->text), details});
  }
  result<std::string> subscribe(std::uint64_t, const channel_request&) override {
    return make_error_code(error::message_invalid);
  }
  result<std::string> unsubscribe(std::uint64_t, const channel_request&) override { return std::string(); }
  [[nodiscard]] std::size_t calls_in_flight() const noexcept override { return 1; }

 private:
  static call_error error_from(json::array& parts) {
    call_error out{.code = plain_text(parts[2])};
    if (parts.size() > 3) out.text = plain_text(parts[3]);
    if (parts.size() > 4) out.data = std::move(parts[4]);
    return out;
  }

  const std::string version_;
};

}  // namespace

dialect_factory ocpp(std::string version) {
  return [version = std::move(version)] { return std::make_unique<ocpp_dialect>(version); };
}

}  // namespace holdfast::channels
