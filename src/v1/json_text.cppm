// :json_text — JSON (RFC 8259) read where it lies. Whether a text is valid is for Boost.JSON to say; the
// parts of a valid one are then pieces of that text, and no tree is built. So a frame costs no memory but its
// own, nobody can make a hash table slow, and numbers stay as they were written. Knows no protocol.
module;
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

module holdfast.v1:json_text;

namespace holdfast {

enum class json_kind : std::uint8_t { object, array, string, number, boolean, null };

// One JSON text in UTF-8, whitespace around it allowed, with at most `depth` arrays and objects in each
// other.
bool is_valid_json(std::string_view text, std::size_t depth);

// What follows is for valid texts only, and for values as json_parts and trim_json give them.

std::string_view trim_json(std::string_view text);
json_kind kind_of(std::string_view value);
// A whole number from 0 to 2^53, beyond which the JSON of many languages counts wrong; without fraction and
// exponent. Empty for everything else.
std::optional<std::uint64_t> json_whole_number(std::string_view value);
// A string without its quotes and escapes.
std::string json_string(std::string_view value);
void append_json_string(std::string& out, std::string_view text);

// The parts of an array or object, one after the other, in time that is linear in its size.
class json_parts {
 public:
  explicit json_parts(std::string_view container);
  // False: there are no more.
  bool next();
  // As it is written, in quotes; of a part of an object.
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  std::string_view take_value();

  std::string_view rest_;
  bool named_;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace holdfast
