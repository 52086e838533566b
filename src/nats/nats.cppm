/// :nats — the coordinator on NATS JetStream. It is declared here and lives in a library of its own,
/// holdfast::nats, which links libnats: programs that do not link that do not need NATS.
module;
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.fleet_core:nats;

import holdfast.core;
import :coordinator;

namespace holdfast::fleet {

/// How the broker is reached. Everything but `fleet` concerns the connection to NATS.
export struct nats_options {
  std::vector<std::string>
      servers{};  ///< any of them; "tls:" in place of "nats:" for TLS; empty: that of this machine
  /// The name of the fleet: of its bucket ("holdfast_" and the name) and of its stream of events. 1 to 64
  /// letters, digits,
  /// '-' and '_'.
  std::string fleet{};
  /// Of the bucket and the stream, if this program makes them: 1 for a single server, 3 for a cluster; a
  /// bucket with fewer is refused. 0: makes neither, and any number will do.
  int replicas = 1;
  std::string user{};              ///< with `password`
  std::string password{};          ///< never shown
  std::string token{};             ///< in their place; never shown
  std::string credentials_file{};  ///< of a user with an NKey and a JWT ("nsc generate creds")
  std::string ca_file{};           ///< PEM; empty: the system's
  std::string certificate_file{};  ///< of the client, PEM
  std::string key_file{};          ///< for it
  std::chrono::milliseconds call_timeout =
      std::chrono::seconds(2);  ///< of each operation; from 10 ms to a minute
  /// For how long the stream keeps events (see lease::publish), if this program makes it. Ids of events it
  /// remembers for ten minutes.
  std::chrono::seconds keep_events = std::chrono::hours(24);
  std::function<void(log_level, std::string_view)>
      log{};  ///< lines about the connection to the broker; any thread
};

/// Returns a coordinator. It connects by itself, and again after each loss; operations fail with
/// error::unavailable meanwhile. It makes the bucket and the stream of events if they do not exist; a bucket
/// whose settings would lose leases (a time to live, storage in memory) is refused with
/// error::other_settings. Threads of libnats do the I/O; what the coordinator calls of the program's it calls
/// on the executors that were given with it. Throws option_error, and std::runtime_error if a file cannot be
/// read.
export std::shared_ptr<coordinator> nats(nats_options how);

}  // namespace holdfast::fleet
