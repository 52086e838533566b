// The state of a client of "holdfast.v1" as a JSON object.
module;
#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

module holdfast.v1;

import :v1_state;

namespace holdfast::v1_frames {
namespace {

namespace json = boost::json;

constexpr std::size_t name_digits = 32;
constexpr std::size_t most_session_name_bytes = 256;  // docs/protocol.md

[[noreturn]] void wrong(std::string_view problem) {
  throw std::invalid_argument("import_state: protocol: " + std::string(problem));
}

std::string text_in(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  const auto* text = found != nullptr ? found->if_string() : nullptr;
  return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

bool is_name(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  return text.size() == name_digits &&
         std::ranges::all_of(text, [&](char each) { return digits.find(each) != std::string_view::npos; });
}

}  // namespace

std::string write_state(const client_state& given) {
  json::object out{{"name", "holdfast.v1"}, {"client", given.client}};
  if (given.session) {
    out["session"] = given.session->session;
    out["last_seq"] = given.session->last_seq;
  }
  return json::serialize(out);
}

client_state read_state(std::string_view text) {
  boost::system::error_code failed;
  const auto read = json::parse(text, failed);
  if (failed || !read.is_object()) wrong("it is no JSON object");
  const auto& from = read.get_object();
  if (text_in(from, "name") != "holdfast.v1") wrong("name: must be holdfast.v1");
  client_state out{.client = text_in(from, "client")};
  if (!is_name(out.client)) wrong("client: must be 32 hexadecimal digits");
  if (!from.contains("session")) return out;
  auto session = text_in(from, "session");
  if (session.empty() || session.size() > most_session_name_bytes)
    wrong("session: must be a string of 1 to 256 bytes");
  const auto* last = from.if_contains("last_seq");
  const auto seq = last != nullptr ? last->to_number<std::uint64_t>(failed) : 0;
  if (last == nullptr || failed) wrong("last_seq: must be a whole number, not negative");
  out.session = resume{std::move(session), seq};
  return out;
}

}  // namespace holdfast::v1_frames
