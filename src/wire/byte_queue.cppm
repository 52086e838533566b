/// :byte_queue — bytes that wait to be written.
module;
#include <cstddef>
#include <memory>
#include <string_view>

export module holdfast.core:byte_queue;

namespace holdfast {

/// Bytes waiting to be written. Grows without filling. Empty, it keeps up to 1 MiB for what comes next, until
/// `release`.
export class byte_queue {
 public:
  /// Adds `count` bytes at the end, uninitialised, and returns where to write them. They count as content
  /// at once. Valid until the next call that is not const.
  char* append(std::size_t count);
  void append(std::string_view bytes);
  /// Removes the first `count` bytes; all of them if there are fewer.
  void consume(std::size_t count) noexcept;
  /// Gives the memory back if it is empty.
  void release() noexcept;
  /// Forgets all but the first `count` bytes.
  void truncate(std::size_t count) noexcept { end_ = begin_ + (count < size() ? count : size()); }
  /// Returns all bytes that wait. Valid until the next call that is not const.
  [[nodiscard]] std::string_view view() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
  /// Returns how many bytes wait.
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  /// Returns whether no byte waits.
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace holdfast
