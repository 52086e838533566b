/// :call — one request to the server and the truth about its end.
module;
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.channels:call;

import holdfast.core;

namespace holdfast::channels {

namespace json = boost::json;

/// How a call is made.
export struct call_options {
  /// From the call to its answer, whatever happens to the connection meanwhile. Zero: as long as it takes.
  std::chrono::milliseconds timeout{30'000};
  /// The server may get the request twice without harm: it is sent again if its session ends before the
  /// answer.
  bool idempotent = false;
  /// That it belongs to, as in send_options; it waits while the feature is throttled. Empty: none.
  std::string_view feature{};
  std::vector<std::string> attachments{};  ///< binary, which the parameters name: see `attachment`
};

/// How something is published.
export struct publish_options {
  std::string event_name{};                ///< for protocols whose events have names besides the channel's
  std::vector<std::string> attachments{};  ///< binary, which the data name: see `attachment`
};

/// Returns what stands in JSON data for attachment `index` of those that go with them: {"_placeholder": true,
/// "num": index}, as Socket.IO has it. In data of the server the same stands for attachment `num` of those
/// that have come with them. Each attachment has to be named, once.
export json::value attachment(std::size_t index);

/// What the server said when it refused a call or a subscription.
export struct call_error {
  std::string code{};  ///< in the server's own terms, such as "-32601" or "FORBIDDEN"; empty: it gave none
  std::string text{};  ///< for people
  json::value data{};  ///< what else it said; null: nothing
};

/// How a call has ended.
export enum class call_outcome : std::uint8_t {
  answered,  ///< the server has answered: see call_result::value
  refused,   ///< the server has answered with an error: see call_result::error
  not_sent,  ///< the server cannot have got the request whole
  in_doubt,  ///< the request was sent, but no answer came: nobody knows whether the server has acted on it
};

/// Returns the name as it is written in code: "not_sent".
export std::string_view to_string(call_outcome outcome) noexcept;

/// The end of a call.
export struct [[nodiscard]] call_result {
  call_outcome outcome = call_outcome::not_sent;  ///< which of the fields below count
  json::value value{};                            ///< answered: what the server said
  std::vector<std::string> attachments{};         ///< answered: binary, where the protocol has them
  call_error error{};                             ///< refused: why
  error_code reason{};                            ///< not_sent, in_doubt: why there is no answer
  /// Returns whether the server has answered without an error.
  [[nodiscard]] bool ok() const noexcept { return outcome == call_outcome::answered; }
};

}  // namespace holdfast::channels
