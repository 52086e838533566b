// :late_result — the result of an operation that was begun before its caller waits for it. Knows neither what
// was begun nor who waits.
module;
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <mutex>
#include <optional>
#include <utility>

module holdfast.core:late_result;

import :completion;

namespace holdfast {

// Any thread. Each of the two functions is called once, in any order.
template <class Result>
class late_result {
 public:
  void set(Result result) {
    const std::lock_guard lock(mutex_);
    if (op_) return op_.complete(std::move(result));
    result_.emplace(std::move(result));
  }
  void wait(pending_operation<Result> op) {
    const std::lock_guard lock(mutex_);
    if (result_) return op.complete(std::move(*result_));
    op_ = std::move(op);
  }

 private:
  std::mutex mutex_;
  std::optional<Result> result_{};
  pending_operation<Result> op_;
};

}  // namespace holdfast
