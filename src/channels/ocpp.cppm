/// :ocpp — OCPP-J (OCPP 1.6, JSON edition, section 4; OCPP 2.0.1 part 4) as a dialect: calls in both
/// directions, one of ours in flight at a time. The name of a call is its action.
module;
#include <functional>
#include <memory>
#include <string>

export module holdfast.channels:ocpp;

import :dialect;

namespace holdfast::channels {

/// Returns the dialect of a charge point, for `client`. `version` is the subprotocol: "ocpp1.6", "ocpp2.0.1".
/// There are no channels: subscribe() yields `ended`. The central system answers with CALLERROR as
/// call_error, whose code is OCPP's, such as "NotImplemented"; `method_not_found` is answered as that.
export dialect_factory ocpp(std::string version = "ocpp1.6");

}  // namespace holdfast::channels
