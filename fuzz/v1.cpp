// A hostile server that speaks holdfast.v1: its frames, one a line, through all sessions of one protocol. The
// first byte chooses the options, and whether a valid login comes first. A line "!" is a heartbeat, "+"
// another session; "#" begins a binary frame. Each line is a message of the program, too.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "require.hpp"
#include "v1_link.hpp"

import holdfast;
import holdfast.v1;

namespace {

using namespace fuzzed;
using holdfast::message_kind;

constexpr std::string_view token = "Zq7-token\"of\\the-user";
constexpr std::string_view valid_login = R"({"type":"ready","session":"s1","resumed":false,"seq":0})";

holdfast::v1_options options_of(unsigned choice) {
  return {.frame_bytes = (choice & 2U) != 0 ? 1024U : 1U << 20U, .depth = (choice & 4U) != 0 ? 500U : 32U};
}

class client {
 public:
  explicit client(unsigned choice)
      : how_(options_of(choice)), spoken_(holdfast::v1(how_)()), link_(std::string(token), how_.depth) {
    open();
    if ((choice & 1U) != 0) receive(message_kind::text, valid_login);
  }

  void take(std::string_view line) {
    if (line == "!") {
      beat();
    } else if (line == "+") {
      open();
    } else if (line.starts_with('#')) {
      receive(message_kind::binary, line.substr(1));
    } else {
      receive(message_kind::text, line);
    }
    check_encode(line);
  }

 private:
  void open() {
    link_.before_session();
    spoken_->opened(link_,
                    {.number = ++sessions_, .subprotocol = "holdfast.v1", .token = std::string(token)});
    link_.after_session();
  }

  void receive(message_kind kind, std::string_view frame) {
    const bool passes = kind == message_kind::text && frame.size() <= how_.frame_bytes;
    link_.before_frame(passes ? frame : std::string_view());
    spoken_->received(link_, {.kind = kind, .payload = frame});
    link_.after_frame();
  }

  void beat() {
    link_.before_heartbeat();
    spoken_->heartbeat(link_);
    link_.after_heartbeat();
  }

  // The line before is the name of the feature.
  void check_encode(std::string_view payload) {
    const holdfast::outgoing_message given{.id = ++messages_, .payload = payload, .feature = before_};
    const auto frame = spoken_->encode(given);
    const auto data = read_json(payload, how_.depth - 1);
    const bool carried = data && holdfast::is_valid_utf8(given.feature);
    require(frame.has_value() == carried, "what is JSON is carried, and nothing else");
    before_ = payload;
    if (!carried) {
      return require(frame.error() == holdfast::make_error_code(holdfast::error::message_invalid),
                     "the error");
    }
    const frame_tree read(*frame, how_.depth);
    require(read.text("type") == "message" && read.number("id") == given.id, "a message with its number");
    require(read.text("feature") == given.feature, "the feature as it was named");
    require(frame->find(payload) != std::string::npos && same(*data, *read.field("data")),
            "the same payload");
  }

  const holdfast::v1_options how_;
  const std::unique_ptr<holdfast::protocol> spoken_;
  watched_link link_;
  std::uint64_t sessions_ = 0;
  std::uint64_t messages_ = 0;
  std::string_view before_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  client fuzzed_client(data[0]);
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (rest.starts_with('\n')) rest.remove_prefix(1);
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
    fuzzed_client.take(line);
  }
  return 0;
}
