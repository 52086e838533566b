/// :message — what is carried: messages in, batches of them, and the truth about what happened to one sent.
module;
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast.core:message;

import :error;
import :frame;
import :time;

namespace holdfast {

/// One message; `payload` holds the bytes of either kind.
export struct message {
  message_kind kind = message_kind::text;  ///< of the payload
  std::string payload{};                   ///< the bytes, without frames and compression
  std::uint64_t session = 0;               ///< that brought it: state_change::session of its `connected`
  clock::time_point received{};            ///< when the last of it was read from the socket
};

/// A message inside a batch; valid as long as the batch is.
export struct message_view {
  message_kind kind = message_kind::text;  ///< as in message
  std::string_view payload{};              ///< valid as long as the batch, until it is changed
  std::uint64_t session = 0;               ///< as in message
  clock::time_point received{};            ///< the same
};

/// Messages in one piece of memory: filling, handing over and reading a batch costs no allocation for each.
/// Large ones keep the memory in which they came, because copying them would cost more than an allocation.
export class message_batch {
  // What many messages have in common is kept once: a flood brings hundreds in one read.
  struct stamp_mark {
    std::uint64_t session = 0;
    clock::time_point received{};
    bool operator==(const stamp_mark&) const = default;
  };
  struct entry {
    message_kind kind;
    bool large;
    std::uint32_t mark;  // 0: oldest_mark_; otherwise its place in later_marks_ plus 1
    std::size_t offset;  // in bytes_; of a large one, its place in large_
    std::size_t size;
  };

 public:
  /// A forward iterator; valid until the batch is changed.
  class iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using value_type = message_view;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    /// Points at message `index` of `batch`.
    iterator(const message_batch* batch, std::size_t index) : batch_(batch), index_(index) {}
    /// Returns the message.
    message_view operator*() const { return (*batch_)[index_]; }
    /// Goes to the next message.
    iterator& operator++() { return ++index_, *this; }
    iterator operator++(int) { return {batch_, index_++}; }
    bool operator==(const iterator&) const = default;

   private:
    const message_batch* batch_ = nullptr;
    std::size_t index_ = 0;
  };

  /// Returns whether no message is left.
  [[nodiscard]] bool empty() const noexcept { return first_ == entries_.size(); }
  /// Returns how many messages are left.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size() - first_; }
  /// Returns the number of payload bytes of all messages that are left.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return payload_bytes_; }
  /// Returns message `index`, which must be less than size().
  message_view operator[](std::size_t index) const {
    const auto& at = entries_[first_ + index];
    const auto& mark = mark_of(at);
    return {at.kind, at.large ? large_[at.offset] : std::string_view(bytes_).substr(at.offset, at.size),
            mark.session, mark.received};
  }
  /// Returns where the messages begin.
  [[nodiscard]] iterator begin() const { return {this, 0}; }
  /// Returns where the messages end.
  [[nodiscard]] iterator end() const { return {this, size()}; }

  /// Sets what the messages pushed from now on say of themselves, until the next call, whatever is taken out,
  /// appended or cleared meanwhile. Before the first call: session 0, and no time.
  void stamp(std::uint64_t session, clock::time_point received) noexcept { stamp_ = {session, received}; }
  /// Appends a copy of a message.
  void push_back(message_kind kind, std::string_view payload);
  /// Appends a message, without a copy if it is large.
  void take_back(message_kind kind, std::string payload);
  /// Moves the messages of `other`, with their stamps, behind those of this one; `other` is empty then.
  void append(message_batch& other);
  /// Removes the first message and returns it. The batch must not be empty.
  message pop_front();
  /// Removes all messages. Keeps some memory for the next ones.
  void clear() noexcept;

 private:
  [[nodiscard]] const stamp_mark& mark_of(const entry& each) const {
    return each.mark == 0 ? oldest_mark_ : later_marks_[each.mark - 1];
  }
  std::uint32_t mark_next();
  void forget_consumed();

  std::string bytes_;
  std::vector<std::string> large_;
  std::vector<entry> entries_;
  stamp_mark oldest_mark_{};  // apart, so that a batch with one mark allocates nothing for it
  std::vector<stamp_mark> later_marks_;
  stamp_mark stamp_{};              // of what is pushed next
  std::size_t first_ = 0;           // messages before it have been popped
  std::size_t payload_bytes_ = 0;   // of those that have not
  std::size_t consumed_bytes_ = 0;  // at the beginning of bytes_
};

/// What becomes of a message that is sent while no session is open.
export enum class offline_rule : std::uint8_t {
  fail,  ///< refused with no_connection
  /// Kept until it has left, through as many attempts as it takes: it is refused only when the outbound limit
  /// is reached, or when no session is wanted (disconnected and final).
  wait,
  /// The same, but at the outbound limit it makes room for a newer one: dropped, the oldest first.
  queue,
};

/// What becomes of a message whose feature is throttled.
export enum class throttled_rule : std::uint8_t {
  fail,  ///< refused with feature_throttled; nothing is sent
  drop,  ///< dropped, for the same reason: for what is out of date a moment later
  wait,  ///< kept until the feature may be used again
};

/// How a message is sent. The views need only live until send() returns.
export struct send_options {
  message_kind kind = message_kind::text;  ///< text must be UTF-8; else it is refused with invalid_utf8
  offline_rule when_offline = offline_rule::fail;  ///< what becomes of it while no session is open
  /// what becomes of it while its feature is throttled
  throttled_rule when_throttled = throttled_rule::fail;
  std::string_view feature{};  ///< that it belongs to, such as "typing"; empty: never throttled
  /// While it waits, a newer message with the same key takes its place (it is dropped, message_superseded):
  /// for presence, typing, positions. Empty: none does.
  std::string_view key{};
  /// For how long it may wait; then it is dropped with message_expired. Zero: as long as it takes.
  std::chrono::milliseconds time_to_live{0};
  /// The number of the only session in which it may leave, such as that of the message which it answers:
  /// otherwise it is refused with no_connection, also when another session is about to follow. Zero: any.
  std::uint64_t session = 0;
};

/// What became of a message.
export enum class delivery : std::uint8_t {
  written,   ///< handed to the operating system, whole
  acked,     ///< confirmed by the peer (protocols with acknowledgements)
  not_sent,  ///< the peer cannot have received it whole
  in_doubt,  ///< accepted, but nobody can say whether the peer gets it: the operation was cancelled meanwhile
  dropped,   ///< given up by a rule of ours: see `reason`
};

/// Returns the name as it is written in code: "not_sent".
export std::string_view to_string(delivery outcome) noexcept;

/// How sending a message has ended.
export struct [[nodiscard]] send_result {
  delivery outcome = delivery::not_sent;  ///< what became of it
  error_code reason{};                    ///< why it was not written; empty if it was
  std::uint64_t session = 0;  ///< that took it last: state_change::session of its `connected`; 0: none did
  /// Returns whether it was written or acknowledged.
  [[nodiscard]] bool ok() const noexcept {
    return outcome == delivery::written || outcome == delivery::acked;
  }
};

}  // namespace holdfast
