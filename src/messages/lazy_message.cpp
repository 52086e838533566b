// How the caller's bytes get into an operation that starts later.
module;
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

module holdfast.core;

import :lazy_message;

namespace holdfast {

lazy_message::lazy_message(lazy_message&& other) noexcept(false) : how_(other.how_) {
  if (!other.large_.empty()) {
    large_ = std::move(other.large_);
    refer_to(large_.data(), other.payload_.size());
  } else if (other.given_ != nullptr && other.payload_.size() > small_.size()) {
    take(*other.given_);
  } else {
    copy(other.payload_);
  }
  other.payload_ = other.how_.feature = other.how_.key = {};
}

lazy_message::lazy_message(const lazy_message& other) : how_(other.how_) { copy(other.payload_); }

void lazy_message::copy(std::string_view payload) {
  const auto size = payload.size() + how_.feature.size() + how_.key.size();
  if (size > small_.size()) {
    large_.reserve(size);
    large_.append(payload).append(how_.feature).append(how_.key);
    return refer_to(large_.data(), payload.size());
  }
  auto* end = std::ranges::copy(payload, small_.data()).out;
  end = std::ranges::copy(how_.feature, end).out;
  std::ranges::copy(how_.key, end);
  refer_to(small_.data(), payload.size());
}

// `payload` is too long to be stored inside its string object, so a move leaves its bytes in place. Feature
// and key may refer to these bytes, and are copied first.
void lazy_message::take(std::string& payload) {
  const auto payload_bytes = payload.size();
  std::string words(how_.feature);
  words.append(how_.key);
  large_ = std::move(payload);
  large_.append(words);
  refer_to(large_.data(), payload_bytes);
}

void lazy_message::refer_to(const char* bytes, std::size_t payload_bytes) noexcept {
  payload_ = {bytes, payload_bytes};
  how_.feature = {bytes + payload_bytes, how_.feature.size()};
  how_.key = {bytes + payload_bytes + how_.feature.size(), how_.key.size()};
}

}  // namespace holdfast
