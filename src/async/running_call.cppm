// :running_call — the call of a program's function that can be removed: made without the lock that guards the
// function, and awaited by whoever removes it on another thread. Knows neither the function nor its owner.
module;
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

module holdfast.core:running_call;

namespace holdfast {

// Guarded by the lock that its functions take, and that `ended` belongs to. One call at a time.
class running_call {
 public:
  // Makes the call with the lock released. `call` must not throw.
  template <class Call>
  void run(std::unique_lock<std::mutex>& lock, std::condition_variable& ended, Call call) {
    caller_ = std::this_thread::get_id();
    lock.unlock();
    call();
    lock.lock();
    caller_ = {};
    ended.notify_all();
  }
  // Returns when no call is under way on another thread. The call that is under way on this one would wait
  // for itself.
  void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& ended) const {
    ended.wait(lock,
               [this] { return caller_ == std::thread::id{} || caller_ == std::this_thread::get_id(); });
  }
  // Destroys with the lock released: what a program's function holds may be the handle that takes the lock.
  template <class Owner>
  static void destroy(std::unique_lock<std::mutex>& lock, Owner& owned) {
    lock.unlock();
    owned.reset();
    lock.lock();
  }

 private:
  std::thread::id caller_{};
};

}  // namespace holdfast
