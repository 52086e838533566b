// A file for tests that need one: options name files.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

// A file that lives as long as the test.
class temporary_file {
 public:
  explicit temporary_file(const std::string& text) : temporary_file() { write(text); }
  // A name for one that is not there yet.
  temporary_file() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("holdfast_" + std::to_string(::getpid()) + '_' + std::to_string(++count) + ".pem");
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::filesystem::remove(path_); }

  void write(const std::string& text) const { std::ofstream(path_) << text; }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};
