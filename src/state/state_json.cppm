/// :state_json — transitions and numbers as JSON, for logs, status pages and pictures.
module;
#include <boost/json/object.hpp>

export module holdfast.core:state_json;

import :state;
import :stats;

namespace holdfast {

/// Returns the fields of a transition by name: durations in seconds, without its time, and without the
/// server's headers, which can be secret. docs/insight.md lists them.
export boost::json::object to_json(const state_change& change);
/// Returns the numbers by name, durations in seconds, without `failures`; the counts of `messages_sent`
/// appear as "offered", "written" and so on.
export boost::json::object to_json(const connection_stats& said);

}  // namespace holdfast
