// One line for each error.
module;
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <string>

module holdfast.fleet_core;

namespace holdfast::fleet {
namespace {

std::string text_of(error what) {
  switch (what) {
    case error::stale:
      return "the entry was changed by another worker meanwhile";
    case error::outcome_unknown:
      return "the broker did not answer in time: whether the update was taken is not known";
    case error::unavailable:
      return "the broker cannot be reached, or has no leader now";
    case error::no_responder:
      return "nobody serves that name at the broker";
    case error::refused:
      return "the broker does not permit it";
    case error::no_jetstream:
      return "the NATS server has no JetStream: run it with -js";
    case error::other_settings:
      return "the fleet exists at the broker with other settings";
    case error::too_large:
      return "the value is larger than the broker takes";
    case error::unknown_key:
      return "the fleet has no such key";
    case error::not_held:
      return "no worker holds the key now";
    case error::id_in_use:
      return "another worker of this fleet runs under the same id";
    case error::no_connection_here:
      return "the holder of the key has no connection attached to the lease now";
  }
  return "unknown error of the fleet";
}

class category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "holdfast.fleet"; }
  [[nodiscard]] std::string message(int value) const override { return text_of(static_cast<error>(value)); }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const category the_only;
  return the_only;
}

}  // namespace holdfast::fleet
