// :registry — the end of an execution context under living connections. Asio destroys what it holds itself;
// what an actor holds (operations that wait) must go at the same moment, because it refers to the context,
// and may hold the coroutine that holds the connection.
module;
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

module holdfast:registry;

namespace holdfast {

namespace net = boost::asio;

// One per context. Members are told of its end at most once.
class registry : public net::execution_context::service {
 public:
  class member {
   public:
    virtual ~member() = default;
    virtual void context_ends() noexcept = 0;
  };

  static inline net::execution_context::id id;
  explicit registry(net::execution_context& context) : service(context) {}

  static registry& of(const net::any_io_executor& executor) {
    return net::use_service<registry>(net::query(executor, net::execution::context));
  }
  void add(const std::shared_ptr<member>& one) {
    const std::lock_guard lock(mutex_);
    members_.emplace(one.get(), one);
  }
  void remove(member* one) {
    const std::lock_guard lock(mutex_);
    members_.erase(one);
  }

 private:
  void shutdown() noexcept override {
    std::vector<std::shared_ptr<member>> alive;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [key, one] : std::exchange(members_, {})) {
        if (auto held = one.lock()) alive.push_back(std::move(held));
      }
    }
    for (const auto& one : alive) one->context_ends();
  }

  std::mutex mutex_;
  std::unordered_map<member*, std::weak_ptr<member>> members_;
};

}  // namespace holdfast
