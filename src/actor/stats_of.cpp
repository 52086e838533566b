// The registry of the context adds them up.
module;
#include <boost/asio/execution_context.hpp>

module holdfast.core;

import :registry;
import :stats_of;

namespace holdfast {

context_stats stats_of(net::execution_context& context) {
  return net::use_service<registry>(context).stats();
}

}  // namespace holdfast
