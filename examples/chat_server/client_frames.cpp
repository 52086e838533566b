// JSON text turned into a frame, or into a sentence that says what is wrong with it.
#include "client_frames.hpp"

#include <utility>

namespace {

namespace json = boost::json;

const json::value& at(const json::object& frame, const char* field) {
  const auto* found = frame.if_contains(field);
  if (found == nullptr) throw bad_frame(std::string(field) + " is missing");
  return *found;
}

std::string text_at(const json::object& frame, const char* field) {
  const auto& value = at(frame, field);
  if (!value.is_string()) throw bad_frame(std::string(field) + " must be a string");
  return std::string(value.get_string());
}

std::string optional_text_at(const json::object& frame, const char* field) {
  return frame.contains(field) ? text_at(frame, field) : std::string();
}

std::uint64_t number_at(const json::object& frame, const char* field) {
  boost::system::error_code ec;
  const auto number = at(frame, field).to_number<std::uint64_t>(ec);
  // The largest one is left out: whatever is counted has a next one.
  if (ec || number == UINT64_MAX) throw bad_frame(std::string(field) + " must be a whole number");
  return number;
}

// The name under which we remember what a client has sent, so its length is bounded.
std::string client_at(const json::object& frame) {
  auto client = text_at(frame, "client");
  constexpr std::string_view digits = "0123456789abcdefABCDEF";
  if (client.empty() || client.size() > 64 || client.find_first_not_of(digits) != std::string::npos) {
    throw bad_frame("client must be 1 to 64 hexadecimal digits");
  }
  return client;
}

hello to_hello(const json::object& frame) {
  if (number_at(frame, "version") != 1) throw bad_frame("version must be 1");
  hello out{.client = client_at(frame), .token = optional_text_at(frame, "token")};
  const auto* resume = frame.if_contains("resume");
  if (resume == nullptr) return out;
  if (!resume->is_object()) throw bad_frame("resume must be an object");
  const auto& wanted = resume->get_object();
  out.resume =
      resume_request{.session = text_at(wanted, "session"), .last_seq = number_at(wanted, "last_seq")};
  return out;
}

message to_message(const json::object& frame) {
  message out{
      .id = number_at(frame, "id"), .feature = optional_text_at(frame, "feature"), .data = at(frame, "data")};
  if (out.id == 0) throw bad_frame("id must be at least 1");
  return out;
}

json::object parse_object(std::string_view text) {
  boost::system::error_code ec;
  auto value = json::parse(text, ec);  // by default no deeper than 32 levels
  if (ec) throw bad_frame("not JSON: " + ec.message());
  if (!value.is_object()) throw bad_frame("not a JSON object");
  return std::move(value.get_object());
}

}  // namespace

client_frame parse_client_frame(std::string_view text) {
  const auto frame = parse_object(text);
  const auto type = text_at(frame, "type");
  if (type == "hello") return to_hello(frame);
  if (type == "message") return to_message(frame);
  if (type == "ping") return ping{number_at(frame, "id")};
  if (type == "ack") return events_received{number_at(frame, "seq")};
  return unknown_frame{};
}
