// The stamp of a path: the result of stat(), and a sum over the entries if it is a directory.
module;
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

module holdfast.core;

import :file_stamp;
import :time;

namespace holdfast {
namespace {

constexpr std::chrono::seconds coarsest_step{2};  // of time stamps, on FAT

std::chrono::nanoseconds since_epoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

#ifdef __APPLE__
const timespec& modified_of(const struct stat& found) { return found.st_mtimespec; }
const timespec& changed_of(const struct stat& found) { return found.st_ctimespec; }
#else
const timespec& modified_of(const struct stat& found) { return found.st_mtim; }
const timespec& changed_of(const struct stat& found) { return found.st_ctim; }
#endif

file_stamp stamp_of_itself(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return {};
  using kind = file_stamp::kind;
  return {.is = S_ISREG(found.st_mode)   ? kind::regular
                : S_ISDIR(found.st_mode) ? kind::directory
                                         : kind::other,
          .device = static_cast<std::uint64_t>(found.st_dev),
          .inode = static_cast<std::uint64_t>(found.st_ino),
          .size = static_cast<std::uint64_t>(found.st_size),
          .modified = since_epoch(modified_of(found)),
          .changed = since_epoch(changed_of(found))};
}

// FNV-1a, 64 bits.
class hash {
 public:
  void add(std::string_view bytes) {
    for (const char each : bytes) add_byte(static_cast<unsigned char>(each));
  }
  void add(std::uint64_t number) {
    for (unsigned shift = 0; shift < 64; shift += 8) add_byte((number >> shift) & 0xFFU);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  void add_byte(std::uint64_t byte) { value_ = (value_ ^ byte) * 0x100000001b3ULL; }
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

std::uint64_t hash_of(const std::string& name, const file_stamp& stamp) {
  hash out;
  out.add(name);
  out.add(stamp.device);
  out.add(stamp.inode);
  out.add(stamp.size);
  out.add(static_cast<std::uint64_t>(stamp.modified.count()));
  out.add(static_cast<std::uint64_t>(stamp.changed.count()));
  return out.value();
}

// The order of the entries has no meaning, so their hashes are summed up.
std::uint64_t entries_of(const std::string& path) {
  std::uint64_t sum = 0;
  std::error_code failed;
  for (std::filesystem::directory_iterator each(path, failed), end; !failed && each != end;
       each.increment(failed)) {
    const auto name = each->path().string();
    sum += hash_of(name, stamp_of_itself(name));
  }
  return sum;
}

}  // namespace

file_stamp stamp_of(const std::string& path) {
  auto out = stamp_of_itself(path);
  if (out.is == file_stamp::kind::directory) out.entries = entries_of(path);
  return out;
}

bool is_settled(const file_stamp& stamp) {
  const auto now = clock::wall().time_since_epoch();
  return std::max(stamp.modified, stamp.changed) + coarsest_step < now;
}

}  // namespace holdfast
