/// :cookies — what servers set in their answer to the upgrade, and get back at the next one (RFC 6265), so
/// that a load balancer finds the same backend again. Pure: time is passed in. Stricter than a browser: a
/// cookie goes back to the origin that set it, and to no other. Nothing here prints or logs one.
module;
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

export module holdfast.core:cookies;

import :headers;
import :url;

namespace holdfast {

/// The cookies of one connection. Keeps at most `most_cookies` of at most `most_bytes` together and forgets
/// the oldest first. Not thread-safe.
export class cookie_jar {
 public:
  /// A point in time of the calendar, by which cookies end.
  using time_point = std::chrono::system_clock::time_point;
  static constexpr std::size_t most_cookies = 32;  ///< that are kept at a time
  static constexpr std::size_t most_bytes = 8192;  ///< of names and values

  /// Takes the Set-Cookie fields of the `answer` that came from `from`, and leaves out what RFC 6265 section
  /// 5.3 wants left out: cookies for a foreign Domain, Secure ones that came over ws://, and those without a
  /// name. A cookie that has ended (Max-Age, Expires) removes the one of its name and path.
  void store(const target& from, const header_list& answer, time_point now);
  /// Returns the value of the Cookie field of a request to `to`: `own`, which is the program's, then the
  /// cookies kept for that origin and path whose names are not in `own`, the longest path first. Empty:
  /// there is none.
  [[nodiscard]] std::string header(const target& to, std::string_view own, time_point now) const;
  /// Forgets all cookies of the origin of `of`.
  void forget(const target& of);

 private:
  struct entry {
    std::string origin;
    std::string path;
    std::string name;
    std::string value;
    time_point ends;  // the maximum: never
  };
  void put(entry one, time_point now);
  [[nodiscard]] std::size_t bytes() const;

  std::vector<entry> entries_;  // the oldest first
};

}  // namespace holdfast
