/// :stats_of — the numbers of all connections of a program.
module;
#include <boost/asio/execution_context.hpp>

export module holdfast.core:stats_of;

import :stats;
import :time;

namespace holdfast {

/// Returns what all connections on this context have done, with those that exist no more: for
/// to_openmetrics(). Any thread.
export context_stats stats_of(net::execution_context& context);

}  // namespace holdfast
