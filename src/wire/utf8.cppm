/// :utf8 — whether a text is UTF-8 (RFC 3629), whole or in pieces, what replaces the parts that are not, and
/// where a text may be cut.
module;
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

export module holdfast.core:utf8;

namespace holdfast {

/// What becomes of a text message from the peer that is not UTF-8 (RFC 6455 section 8.1).
export enum class utf8_rule : std::uint8_t {
  strict,     ///< the session is closed with 1007 at the first bad byte, as the RFC wants it
  replace,    ///< each bad sequence becomes U+FFFD, as a browser shows it; the message is still text
  as_binary,  ///< the message is delivered as it came, as binary
};

/// Returns whether `text` is UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above
/// U+10FFFF.
export bool is_valid_utf8(std::string_view text) noexcept;

/// Judges a text that comes in pieces, cut anywhere, and looks at each byte once. A value: a copy goes on by
/// itself.
export class utf8_scan {
 public:
  /// Returns false from the first byte on that no continuation can make right.
  bool feed(std::string_view piece) noexcept;
  /// Returns true if the text may end here: all of it is right, and no sequence is cut off.
  [[nodiscard]] bool complete() const noexcept { return !bad_ && missing_ == 0; }

 private:
  bool take(unsigned char byte) noexcept;

  std::uint8_t missing_ = 0;     // bytes of the sequence under way
  std::uint8_t lowest_ = 0x80;   // that the next of them may be
  std::uint8_t highest_ = 0xBF;  // the same
  bool bad_ = false;
};

/// Returns `text` with U+FFFD for each bad sequence: for as many bytes as could begin a character, or else
/// for one (Unicode section 3.9, "substitution of maximal subparts"; what a browser does). Empty if that
/// would be larger than `limit_bytes`.
std::optional<std::string> replace_bad_utf8(std::string_view text, std::size_t limit_bytes);

/// Returns `text` if it is not longer than `bytes`; else its beginning, at most that long, without a part of
/// a character at the end. A text that is not UTF-8 is cut, too, somewhere.
export std::string_view cut_at_character(std::string_view text, std::size_t bytes) noexcept;
/// Returns `text` without the beginning of a character at its end: for a text that was cut where this was not
/// known, such as by a read.
export std::string_view without_cut_character(std::string_view text) noexcept;

}  // namespace holdfast
