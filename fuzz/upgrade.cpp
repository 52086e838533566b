// A server's answer to the upgrade, as a hostile one would write it.
#include <cstdint>
#include <string>
#include <string_view>

import holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holdfast::compression_options offered{.enabled = true};
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto answer = holdfast::parse_answer(bytes);
  if (answer.has_error() || !*answer) return 0;
  static_cast<void>(holdfast::read_agreement(offered, (*answer)->joined("Sec-WebSocket-Extensions")));
  return 0;
}
