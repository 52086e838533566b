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
    value_.store(read() + more, std::memory_order_relaxed);
    return *this;
  }
  counter& operator-=(std::uint64_t less) noexcept {
    value_.store(read() - less, std::memory_order_relaxed);
    return *this;
  }
  counter& operator=(std::uint64_t value) noexcept {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
  [[nodiscard]] std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace holdfast
