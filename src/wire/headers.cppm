/// :headers — HTTP header fields as a program gives them: what may stand in a request, and what is secret.
/// Knows nothing of requests or answers themselves.
module;
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module holdfast.core:headers;

namespace holdfast {

/// HTTP header fields in order: name, value.
export using header_list = std::vector<std::pair<std::string, std::string>>;

/// Names of fields are compared without regard to case (RFC 9110 section 5.1).
export bool is_same_header(std::string_view a, std::string_view b) noexcept;

/// Returns what is left for another origin than the one that the fields were meant for: all but
/// Authorization, Proxy-Authorization and Cookie. Fields of the credential provider must not go there at
/// all, whatever their names: so a secret in a field of one's own belongs into `credentials::headers`.
export header_list without_credentials(header_list fields);

/// What is left of a server's answer to the upgrade without the fields of the handshake and of the message
/// itself: Upgrade, Connection, Sec-WebSocket-…, Date, Server, Content-Length and Transfer-Encoding.
header_list without_handshake(header_list fields);

// RFC 9110 section 5.6.2: what a field's name consists of.
bool is_token_character(char c) noexcept;
bool is_token(std::string_view text);
// RFC 4648 section 4, for keys and for Basic credentials.
std::string base64(std::string_view bytes);
// No control character but the tab: a value that cannot break the line (RFC 9110 section 5.5).
bool is_field_value(std::string_view text);
// A field that the handshake sets itself, or that has an option of its own.
bool is_ours(std::string_view name);

}  // namespace holdfast
