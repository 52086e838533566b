// Messages like those of a chat, in JSON: always the same ones, in the same order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace bench {

class conversation {
 public:
  static constexpr std::size_t message_bytes = 1024;

  std::string next() {
    const auto user = std::to_string(below(5000));
    std::string out = R"({"type":"message","id":")" + std::to_string(random_()) + R"(","channel":"C)" +
                      std::to_string(below(40)) + R"(","user":{"id":"U)" + user + R"(","name":"user)" + user +
                      R"(","roles":["member"]},"ts":)" +
                      std::to_string(1'760'000'000'000 + 3'217 * ++count_) +
                      R"(,"edited":false,"reactions":[{"name":"thumbsup","count":)" +
                      std::to_string(below(20)) + R"(}],"text":")";
    while (out.size() < message_bytes - 2) out.append(words.at(below(words.size()))) += ' ';
    return out += "\"}";
  }

 private:
  static constexpr std::array<std::string_view, 24> words{
      "build",  "deploy",  "release", "server", "client",  "message", "morning",    "please",
      "review", "failed",  "green",   "today",  "channel", "thread",  "again",      "before",
      "nobody", "latency", "window",  "time",   "timeout", "retry",   "connection", "socket"};

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

  std::mt19937_64 random_{7};
  std::uint64_t count_ = 0;
};

}  // namespace bench
