/// :state_json — transitions and numbers as JSON, for logs, status pages and pictures.
module;
#include <boost/json/object.hpp>

export module holdfast.core:state_json;

import :state;
import :stats;

namespace holdfast {

/// Returns the fields of a transition by name, those that say nothing left out: durations in seconds, without
/// its time, and without the server's headers, which can be secret. docs/insight.md has them.
export boost::json::object to_json(const state_change& change);
/// Returns the numbers by name, but for the single failures: durations in seconds, and what has become of
/// messages as "offered", "written" and so on.
export boost::json::object to_json(const connection_stats& said);

}  // namespace holdfast
