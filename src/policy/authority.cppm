// :authority — may a connection act now? One that belongs to a lease of a fleet may do so only while the
// lease is valid; any other always may. Pure: an interface between those who know and those who act.
module;
#include <memory>
#include <utility>

export module holdfast.core:authority;

namespace holdfast {

// Asked before each delivery and each write, on any thread: it must be cheap, and must not block or throw.
export class authority {
 public:
  virtual ~authority() = default;
  // Returns whether the connection may deliver and send at this moment.
  [[nodiscard]] virtual bool holds() const noexcept = 0;
};

// What a part of a connection asks. Not thread-safe: it is set before the connection runs.
class permission {
 public:
  void depend_on(std::shared_ptr<const authority> given) noexcept { authority_ = std::move(given); }
  [[nodiscard]] bool may_act() const noexcept { return !authority_ || authority_->holds(); }

 private:
  std::shared_ptr<const authority> authority_{};  // shared with the lease; null: it always may
};

}  // namespace holdfast
