// :markup — text that is SVG or HTML, with what is foreign in it escaped.
module;
#include <string>
#include <string_view>

module holdfast.insight:markup;

namespace holdfast {

// As text of an element, or inside of a quoted attribute (XML 1.0 section 2.4). Control characters, and what
// is no character, become spaces: XML has no way to write them.
std::string escaped(std::string_view text);
// With at most two decimals.
std::string number_text(double value);

}  // namespace holdfast
