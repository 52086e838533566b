/// :fleet_error — what can go wrong between a worker and the coordinator. The kinds matter: a refused update
/// has changed nothing, one without an answer may have.
module;
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <type_traits>

export module holdfast.fleet_core:fleet_error;

import holdfast.core;

namespace holdfast::fleet {

namespace net = boost::asio;

/// Why an operation of a coordinator, a worker or a client has failed.
export enum class error {
  stale =
      1,  ///< the entry has another revision than the update expects, or exists already: nothing was changed
  outcome_unknown,     ///< no answer came in time: whether it was done is known only when the entry is read
                       ///< again
  unavailable,         ///< the broker cannot be reached, or has no leader now: nothing was done
  no_responder,        ///< nobody serves that name: nothing was done
  refused,             ///< the broker does not permit it: its own text is in the log
  no_jetstream,        ///< the broker is a NATS server without JetStream (run it with -js)
  other_settings,      ///< the bucket, or the fleet, exists with other settings than this program wants
  too_large,           ///< the value is larger than the broker takes
  unknown_key,         ///< the fleet has no such key
  not_held,            ///< no worker holds the key now
  id_in_use,           ///< another worker of this fleet runs under the same id
  no_connection_here,  ///< the holder has no connection attached to the lease now
};

/// Returns the category of `error`: "holdfast.fleet".
export const boost::system::error_category& error_category() noexcept;
/// Returns the code for it.
export inline error_code make_error_code(error what) noexcept {
  return {static_cast<int>(what), error_category()};
}

// Nothing was heard of the broker.
export inline bool is_silence(error_code why) noexcept {
  return why == make_error_code(error::outcome_unknown) || why == make_error_code(error::unavailable);
}

}  // namespace holdfast::fleet

export template <>
struct boost::system::is_error_code_enum<holdfast::fleet::error> : std::true_type {};
