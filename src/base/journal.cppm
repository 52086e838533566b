// :journal — the log of one connection. The one place that calls the program's log function: catches what
// that throws, keeps lines that come by the thousand apart, and writes to std::clog where the program gave no
// function (R71). Knows nothing of what is logged.
module;
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

export module holdfast.core:journal;

import :log_record;
import :time;

namespace holdfast {

/// How much a line in the log matters.
export enum class log_level : std::uint8_t {
  debug,    ///< each step of a dial; what the program itself has asked for: a message that its rules dropped
  info,     ///< what the peer does of its own accord, and is no fault: it asks us to leave
  warning,  ///< what a person should know: a lost message, an option set in vain, a file that cannot be used
  error,    ///< a fault of the program: its listener or message handler threw
};

/// The log of one connection, for those that are built above it.
export class journal {
 public:
  /// The program's log function.
  using function = std::function<void(log_level, std::string_view)>;
  /// The program's function for records.
  using record_function = std::function<void(const log_record&)>;

  /// Lines that may come in a flood. Each kind has a budget of its own.
  enum class kind : std::uint8_t {
    lost_message,     ///< that the program would have wanted to arrive
    dropped_message,  ///< that its own rules have dropped
    thrown,           ///< what its functions threw
  };

  /// Writes to `to`, which may be null; then, if `clog_otherwise`, to std::clog. Records go to `trace`, which
  /// may be null.
  journal(std::shared_ptr<const function> to, bool clog_otherwise,
          std::shared_ptr<const record_function> trace = nullptr)
      : to_(std::move(to)), trace_(std::move(trace)), clog_(clog_otherwise) {}
  ~journal() { delete floods_.load(); }
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  /// Writes a line. Any thread, none of our locks held: the program's function may call the connection.
  void write(log_level level, std::string_view line) noexcept;
  /// Does the same for a line of a kind, at most a few a second; `count` is what the line stands for. What
  /// was held back is added up, and said by the next line of the kind that is let through, or by sum_up().
  void write(kind of, log_level level, std::string_view line, std::uint64_t count = 1) noexcept;
  /// Says what was held back so far, if anything was.
  void sum_up() noexcept;

  /// Returns whether the program has a function for records. Without one, make none.
  [[nodiscard]] bool traces() const noexcept { return trace_ != nullptr; }
  /// Returns whether the program has a log function, which also gets lines at debug.
  [[nodiscard]] bool takes_debug() const noexcept { return to_ != nullptr; }
  /// Hands a record on, on the same terms as a line.
  void record(const log_record& one) noexcept;

 private:
  struct budget {
    clock::time_point window_begins{};
    unsigned lines = 0;
    std::uint64_t held_back = 0;
  };

  struct floods {
    std::mutex mutex;
    std::array<budget, 3> budgets{};  // indexed by kind
  };

  void sum_up(kind of) noexcept;
  floods& needed_floods();

  const std::shared_ptr<const function> to_;
  const std::shared_ptr<const record_function> trace_;
  const bool clog_;
  std::atomic<floods*> floods_{};  // owned; null until the first line of a kind: most connections have none
};

}  // namespace holdfast
