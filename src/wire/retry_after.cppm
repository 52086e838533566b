/// :retry_after — for how long a server that refuses does not want to be asked again, out of the many forms
/// in which servers write it (RFC 9110 section 10.2.3).
module;
#include <optional>
#include <string_view>

export module holdfast.core:retry_after;

import :http_head;
import :time;

namespace holdfast {

/// How long the server wants to be left alone.
export struct retry_wish {
  std::optional<clock::duration> after{};  ///< the longest of its wishes: from zero to a year
  bool unreadable = false;                 ///< one of them could not be read
};
/// Reads the wish of an answer that refuses (any status from 300 on): Retry-After (RFC 9110 section 10.2.3)
/// as seconds or date, the fields of rate limits that mean the same, and what servers write although they
/// should not: fractions, units, Unix time, ISO 8601, quotes, lists. A date counts from the answer's own
/// Date.
export retry_wish read_retry_after(const http_head& answer);

}  // namespace holdfast
