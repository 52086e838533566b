// What a message says: who sent it and its number, then filling up to its size. Those of the client carry
// their number ("12:…"), those of the server the session and the number in it ("s3.12:…").
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sim {

struct token {
  bool from_server = false;
  std::size_t session = 0;
  std::size_t number = 0;
};

// Empty: it is not one of ours, or has been changed on its way.
std::optional<token> parse_token(std::string_view payload);
// `head` is all up to the colon.
std::string fill_token(std::string head, std::size_t size);

}  // namespace sim
