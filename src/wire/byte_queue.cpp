// A queue that shifts its content only if no more is left than was consumed. Otherwise it allocates anew.
module;
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

module holdfast.core;

namespace holdfast {
namespace {

constexpr std::size_t keep_bytes = 1 << 20;  // the default outbound limit: a steady flood reuses its memory
constexpr std::size_t smallest_bytes = 128;  // enough for a ping, which is all that an idle connection sends

}  // namespace

char* byte_queue::append(std::size_t count) {
  if (capacity_ - end_ < count) {
    const auto content = size();
    const auto wanted = std::max({content + count, 2 * content, smallest_bytes});
    if (wanted > capacity_ || begin_ < content) {
      auto grown = std::make_unique_for_overwrite<char[]>(wanted);
      if (content != 0) std::memcpy(grown.get(), data_.get() + begin_, content);
      data_ = std::move(grown);
      capacity_ = wanted;
    } else {
      std::memmove(data_.get(), data_.get() + begin_, content);
    }
    begin_ = 0;
    end_ = content;
  }
  char* const place = data_.get() + end_;
  end_ += count;
  return place;
}

void byte_queue::append(std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(append(bytes.size()), bytes.data(), bytes.size());
}

void byte_queue::consume(std::size_t count) noexcept {
  begin_ += std::min(count, size());
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (capacity_ > keep_bytes) release();
}

void byte_queue::release() noexcept {
  if (!empty()) return;
  data_.reset();
  begin_ = end_ = capacity_ = 0;
}

}  // namespace holdfast
