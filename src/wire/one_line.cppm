/// :one_line — how a text that somebody else wrote is shown to people: on one line, and so that it can
/// neither break that line nor steer a terminal.
module;
#include <cstddef>
#include <string>
#include <string_view>

export module holdfast.core:one_line;

namespace holdfast {

/// Returns the beginning of `text`, at most `most_bytes` long and without a part of a character at its end.
/// One space stands for each run of spaces and of what must not reach a log: control characters (C0, DEL,
/// C1), line and paragraph separators, marks that change the direction of writing, bytes that are not UTF-8.
/// No space at the beginning or the end. Thread-safe.
export std::string one_line(std::string_view text, std::size_t most_bytes);

/// Returns how many bytes the character at the beginning of `text` has, which must not be empty; 0 if
/// one_line() would not show it.
export std::size_t shown_length(std::string_view text) noexcept;

}  // namespace holdfast
