// :file_stamp — has a file changed since it was read? By what the system says of it, so that an unchanged one
// costs no reading. Knows not what is in a file.
module;
#include <chrono>
#include <cstdint>
#include <string>

module holdfast.core:file_stamp;

namespace holdfast {

// What the system says of a file. Two that are equal: nothing has changed, if the first was settled.
struct file_stamp {
  enum class kind : std::uint8_t {
    missing,  // or cannot be reached
    regular,
    directory,
    other,  // a pipe or a device, which can be read once
  };

  kind is = kind::missing;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  // another one where a file was renamed to this name, or a link leads elsewhere
  std::uint64_t size = 0;
  std::chrono::nanoseconds modified{};  // since the epoch
  std::chrono::nanoseconds changed{};   // the same, if its owner or its permissions count as well
  std::uint64_t entries = 0;            // of a directory: a sum of their names and stamps

  bool operator==(const file_stamp&) const = default;
};

// Follows links. Of a directory it takes in what lies in it, but not what lies deeper.
file_stamp stamp_of(const std::string& path);

// File systems count time in steps, of some milliseconds or of 2 s: a second change within one step may leave
// no trace. So the stamp of a file that has changed just now says nothing about what follows.
bool is_settled(const file_stamp& stamp);

}  // namespace holdfast
