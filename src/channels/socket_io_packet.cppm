// :socket_io_packet — packets of Socket.IO v5 (protocol revision 5, github.com/socketio/socket.io-protocol)
// and the letters of Engine.IO v4 around them: read and written. Pure.
module;
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

module holdfast.channels:socket_io_packet;

import :json_frame;

namespace holdfast::channels {

// The first character of a packet of Engine.IO.
namespace engine_io {
inline constexpr char open = '0';
inline constexpr char close = '1';
inline constexpr char ping = '2';
inline constexpr char pong = '3';
inline constexpr char message = '4';
inline constexpr char noop = '6';
}  // namespace engine_io

enum class socket_io_type : std::uint8_t {
  connect = 0,
  disconnect = 1,
  event = 2,
  ack = 3,
  connect_error = 4,
  binary_event = 5,
  binary_ack = 6,
};

struct socket_io_packet {
  socket_io_type type = socket_io_type::event;
  std::size_t attachments = 0;  // that follow, one frame each
  std::string name_space = "/";
  std::string id{};  // digits; empty: none
  json::value data{};
};

struct socket_io_reading {
  socket_io_packet packet{};
  std::string problem{};  // one line; empty: none
};

// Reads what stands behind the letter of Engine.IO.
socket_io_reading read_socket_io(std::string_view text);
// Writes a packet with the letter of Engine.IO. The type of an event or an acknowledgement with attachments
// becomes the binary one.
std::string write_socket_io(const socket_io_packet& packet);

// How many attachments the placeholders in `data` name. Their numbers must begin at zero, and each occur
// once; otherwise one more than can be given is returned.
std::size_t count_placeholders(const json::value& data);

}  // namespace holdfast::channels
