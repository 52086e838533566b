// :nats_watch — what a stream of NATS has for some subjects, newest of each, and then each change, by a
// consumer of our own: when something is missing, or nothing comes any more, another one begins anew.
module;
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

module holdfast.fleet_core:nats_watch;

import holdfast.core;
import :coordinator;
import :nats_link;

namespace holdfast::fleet {

struct nats_bucket {
  std::string stream{};    // "KV_…"
  std::string subjects{};  // "$KV.….", before the names of entries
};

// Ends with the registration. `prefix`: of the names.
std::unique_ptr<registration> watch_bucket(std::shared_ptr<nats_link> link, nats_bucket bucket,
                                           std::string prefix, watcher on, net::any_io_executor where);

}  // namespace holdfast::fleet
