/// :log_record — something that has happened, as fields rather than as a sentence: for programs that draw it,
/// count it, or search it later.
module;
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

export module holdfast.core:log_record;

import :time;

namespace holdfast {

/// Something that has happened; docs/insight.md lists the events and their fields. Has no credentials, but
/// may hold text that the server wrote.
export struct log_record {
  clock::time_point time{};      ///< when
  std::string_view event{};      ///< what, such as "dial_step"; lives as long as the program
  boost::json::object fields{};  ///< by name, in an order that does not change; durations in seconds
};

/// Returns one line for people and for `grep`: "dial_step stage=tls seconds=1.2E-2 attempt=1 outcome=ok".
export std::string describe(const log_record& record);

}  // namespace holdfast
