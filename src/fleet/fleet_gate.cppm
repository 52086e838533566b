/// :fleet_gate — a dial_gate that counts the attempts of all machines of a fleet together, because a server
/// counts them together, too: Discord's identify buckets, for one.
module;
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

export module holdfast.fleet_core:fleet_gate;

import holdfast.core;
import :coordinator;

namespace holdfast::fleet {

/// For gate().
export struct gate_options {
  std::string name = "dials";  ///< gates of one name count together; 1 to 128 bytes
  std::uint32_t buckets = 1;   ///< each lets one attempt through in each interval; from 1 to 100,000
  std::chrono::milliseconds interval = std::chrono::seconds(5);  ///< from 10 ms to an hour; Discord: 5 s
  std::function<void(log_level, std::string_view)>
      log{};  ///< gets a line when the broker does not answer; any thread
};

/// Returns a gate for `options::gate`, to be shared by any number of connections. While the broker cannot be
/// reached nobody is let through. The interval is counted from what the waiter has observed, so that no two
/// clocks are compared: between two attempts of a bucket passes at least the interval, and up to 250 ms more
/// (a grant whose answer took longer is not used). Buckets are taken in turn; where the server has buckets of
/// its own, make a gate for each. Throws option_error.
export std::shared_ptr<dial_gate> gate(std::shared_ptr<coordinator> broker, gate_options how = {});

}  // namespace holdfast::fleet
