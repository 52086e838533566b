// :attached_frame — a frame with attachments as one message, for the way through the connection's queues: the
// protocol takes it apart again when it leaves. Pure.
module;
#include <span>
#include <string>
#include <string_view>
#include <vector>

module holdfast.channels:attached_frame;

namespace holdfast::channels {

// Without attachments it is the frame itself, which must not begin with a NUL: no text of JSON does.
std::string with_attachments(std::string frame, std::span<const std::string> attachments);
[[nodiscard]] bool has_attachments(std::string_view joined) noexcept;
// It is what with_attachments() makes. The others below must get nothing else.
[[nodiscard]] bool is_whole(std::string_view joined) noexcept;
// The frame alone.
std::string_view text_of(std::string_view joined) noexcept;
std::vector<std::string> attachments_of(std::string_view joined);

}  // namespace holdfast::channels
