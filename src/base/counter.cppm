// :counter — a number that one writer at a time changes, and that any thread may read meanwhile. As fast as a
// plain one: no instruction locks the bus.
module;
#include <atomic>
#include <cstdint>

module holdfast.core:counter;

namespace holdfast {

class counter {
 public:
  counter& operator+=(std::uint64_t more) noexcept {
    set(own() + more);
    return *this;
  }
  counter& operator-=(std::uint64_t less) noexcept {
    set(own() - less);
    return *this;
  }
  counter& operator=(std::uint64_t value) noexcept {
    set(value);
    return *this;
  }
  // The greatest value that it was ever raised to.
  void raise(std::uint64_t value) noexcept {
    if (value > own()) set(value);
  }
  // Whoever reads two counters sees what was written before the one that it reads first.
  [[nodiscard]] std::uint64_t read() const noexcept { return value_.load(std::memory_order_acquire); }

 private:
  [[nodiscard]] std::uint64_t own() const noexcept { return value_.load(std::memory_order_relaxed); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_release); }

  std::atomic<std::uint64_t> value_{0};
};

}  // namespace holdfast
