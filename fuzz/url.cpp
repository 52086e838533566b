// URLs and places that redirects lead to: whatever is written there, they are read or refused in one line,
// and what was read is a URL that is read as the same place.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

import holdfast;
import holdfast.wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reading = holdfast::read_url(text);
  if (reading.problem.find('\n') != std::string::npos) std::abort();
  const auto& to = reading.to;
  if (reading.problem.empty()) {
    // What was read goes into a request: it must not be able to add a line to it.
    for (const auto& part : {to.host, to.host_header, to.path}) {
      if (!std::ranges::all_of(part, [](char c) { return c > 0x20 && c < 0x7f; })) std::abort();
    }
    if (to.host_header.find('%') != std::string::npos) std::abort();  // a zone is not sent
    auto sent = to;
    sent.host.resize(std::min(sent.host.find('%'), sent.host.size()));
    const auto again = holdfast::read_url(holdfast::to_origin(to) + to.path);
    if (!again.problem.empty() || !(again.to == sent)) std::abort();
  }
  static const holdfast::redirect_target here{.url = "wss://server/path",
                                              .to = holdfast::read_url("wss://server/path").to};
  const auto decision = holdfast::follow_redirect(here, 302, text);
  if (decision.to && !decision.to->to.secure) std::abort();
  return 0;
}
