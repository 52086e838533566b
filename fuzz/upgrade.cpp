// A server's answer to the upgrade, as a hostile one would write it: what is read of it, what the checks say
// about it, and how long it may keep us away.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "require.hpp"

import holdfast;
import holdfast.wire;

namespace {

using fuzzed::require;

void check_head(const holdfast::http_head& head, std::string_view bytes) {
  require(head.status >= 200 || head.status == 101, "an interim answer is passed over");
  require(head.size_bytes <= bytes.size(), "a header is no longer than what came");
  require(head.body == bytes.substr(head.size_bytes), "what follows the header is left as it is");
  for (const auto& [name, value] : head.headers)
    require(!name.empty() && fuzzed::is_one_line(name), "a field has a name");

  static const holdfast::options given = [] {
    holdfast::options out;
    out.subprotocols = {"chat"};
    out.compression.enabled = true;
    return out;
  }();
  const auto checked =
      holdfast::check_answer(head, terms_of(given), given.subprotocols, "dGhlIHNhbXBsZSBub25jZQ==");
  require(fuzzed::is_one_line(checked.detail) && checked.detail.size() < 400, "a detail is one short line");

  const auto wish = holdfast::read_retry_after(head);
  require(
      !wish.after || (*wish.after >= std::chrono::seconds(0) && *wish.after <= std::chrono::hours(24 * 365)),
      "no wish is longer than a year");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto reading = holdfast::read_answer(bytes);
  require(!(reading.head && reading.error), "an answer is read, or refused");
  require(
      reading.error ? fuzzed::is_one_line(reading.detail) && !reading.detail.empty() : reading.detail.empty(),
      "an error has one line about it");
  if (reading.head) check_head(*reading.head, bytes);
  return 0;
}
