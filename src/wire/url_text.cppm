// :url_text — what people and servers write for a URL, as RFC 3986 has it written: the repairs that a browser
// makes for ws and wss (WHATWG URL). And a host name as it is looked up and sent. Texts in, texts out. Judges
// no URL: what is wrong still, the strict grammar of those who read it refuses.
module;
#include <string>
#include <string_view>

module holdfast.core:url_text;

namespace holdfast {

// A URL, or a reference such as a Location has (RFC 3986 section 4.1). What surrounds it, white space and
// control characters, is dropped; in path, query and fragment, what must not stand there is percent-encoded;
// a backslash in front of the query is a slash; bytes beyond ASCII in the host are percent-encoded; the zone
// of an IPv6 address is written as RFC 6874 has it. Tabs and line breaks inside stay: no grammar takes them,
// and nothing that comes behind one can become a line of a request. A text of this form is returned as it is.
std::string strict_url(std::string_view written);

struct host_name {
  std::string ascii{};         // in lower case, international parts in their xn-- form
  std::string_view problem{};  // repeats nothing of the name; empty: none
};

// `decoded` is the name of a host without percent-encoding, ASCII or UTF-8.
host_name to_ascii_host(std::string_view decoded);

}  // namespace holdfast
