// Every file that cannot be used is refused before any connection, with the name of its option.
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

import holdfast;
import holdfast.testing;
import holdfast.wire;

using namespace holdfast;
using namespace holdfast::testing;

BOOST_AUTO_TEST_SUITE(tls)

namespace {

// A directory that lives as long as the test.
class temporary_directory {
 public:
  temporary_directory() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("holdfast_unit_" + std::to_string(::getpid()) + '_' + std::to_string(++count));
    std::filesystem::create_directory(path_);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path() const { return path_.string(); }
  // A file in it.
  [[nodiscard]] std::string file(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

#ifdef __linux__
// How many bytes this process has read so far (proc(5)).
std::size_t bytes_read() {
  std::ifstream in("/proc/self/io");
  std::string label;
  std::size_t count = 0;
  in >> label >> count;
  return label == "rchar:" ? count : 0;
}

// Does another context of the same options do without reading `store` again?
bool is_shared(const tls_options& given, std::size_t store_bytes) {
  const tls_context first(given);
  const auto before = bytes_read();
  const tls_context second(given);
  return bytes_read() - before < store_bytes;
}

// A file that has changed within the last seconds may change again unnoticed, so it is read each time. Here
// an hour has passed since.
class an_hour_later {
 public:
  an_hour_later() {
    const auto then = std::chrono::system_clock::now() + std::chrono::hours(1);
    time_.jump_wall(then - time_.wall());
    outer_ = clock::use(&time_);
  }
  an_hour_later(const an_hour_later&) = delete;
  an_hour_later& operator=(const an_hour_later&) = delete;
  ~an_hour_later() { clock::use(outer_); }

 private:
  virtual_time time_;
  time_source* outer_ = nullptr;
};

// As a store is: large enough that reading it cannot be overlooked.
std::string many_certificates() {
  const test_authority authority;
  std::string text;
  for (int count = 0; count < 50; ++count) text += authority.certificate_pem();
  return text;
}
#endif

template <class Options>
void check_refused(const Options& given, std::string_view field, std::string_view text = {}) {
  try {
    const tls_context context(given);
    BOOST_ERROR("accepted, although " << field << " is wrong");
  } catch (const option_error& problem) {
    const std::string_view what = problem.what();
    BOOST_TEST_MESSAGE(what);
    BOOST_TEST(problem.field() == field);
    BOOST_TEST(what.find_first_of("\r\n") == std::string_view::npos);
    BOOST_TEST(what.find(text) != std::string_view::npos);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_defaults_verify_and_use_the_trust_of_the_system) {
  BOOST_CHECK(tls_options{}.verify == tls_verify::peer);
  BOOST_CHECK_NO_THROW(tls_context(tls_options{}));
}

#ifdef __linux__
BOOST_AUTO_TEST_CASE(connections_that_name_the_same_files_share_what_was_read) {
  const temporary_directory here;
  const auto text = many_certificates();
  const auto store = here.file("store.pem", text);
  BOOST_REQUIRE(bytes_read() != 0U);
  BOOST_TEST(!is_shared({.ca_file = store}, text.size()));
  const an_hour_later passed;
  BOOST_TEST(is_shared({.ca_file = store}, text.size()));
  BOOST_TEST(is_shared({.ca_file = store, .server_name = "other"}, text.size()));
}

BOOST_AUTO_TEST_CASE(a_file_that_has_changed_is_read_again_although_others_share_what_it_was) {
  const temporary_directory here;
  const auto text = many_certificates();
  const tls_options given{.ca_file = here.file("store.pem", text)};
  const an_hour_later passed;
  const tls_context in_use(given);
  static_cast<void>(here.file("store.pem", text + "\n"));
  const auto before = bytes_read();
  const tls_context next(given);
  BOOST_TEST(bytes_read() - before >= text.size());
}

BOOST_AUTO_TEST_CASE(the_trust_of_the_system_is_read_once_for_all_connections) {
  const temporary_directory here;
  const auto text = many_certificates();
  ::setenv("SSL_CERT_FILE", here.file("store.pem", text).c_str(), 1);
  const an_hour_later passed;
  BOOST_TEST(is_shared({}, text.size()));
  ::unsetenv("SSL_CERT_FILE");
}
#endif

BOOST_AUTO_TEST_CASE(trust_that_cannot_be_read_is_refused_by_name) {
  const temporary_directory here;
  const test_authority authority;
  const auto& good = authority.certificate_pem();
  check_refused(tls_options{.ca_file = here.path() + "/missing.pem"}, "tls.ca_file");
  check_refused(tls_options{.ca_file = here.path()}, "tls.ca_file");
  check_refused(tls_options{.ca_file = here.file("empty.pem", "")}, "tls.ca_file");
  check_refused(tls_options{.ca_file = here.file("text.pem", "no certificate")}, "tls.ca_file");
  check_refused(tls_options{.ca_file = here.file("cut.pem", good + good.substr(0, good.size() / 2))},
                "tls.ca_file");
  auto spoilt = good;
  spoilt[spoilt.size() / 2] = spoilt[spoilt.size() / 2] == 'A' ? 'B' : 'A';
  spoilt.erase(spoilt.size() / 2 + 8, 3);
  check_refused(tls_options{.ca_pem = spoilt}, "tls.ca_pem");
  check_refused(tls_options{.ca_directory = here.path() + "/missing"}, "tls.ca_directory");
  check_refused(tls_options{.ca_directory = here.file("file", "")}, "tls.ca_directory");
  check_refused(tls_options{.ca_pem = "no certificate"}, "tls.ca_pem");
  check_refused(tls_options{.ca_file = here.file("good.pem", good), .ca_pem = good}, "tls.ca_pem");
  BOOST_CHECK_NO_THROW(tls_context(tls_options{.ca_file = here.file("two.pem", good + good)}));
  BOOST_CHECK_NO_THROW(tls_context(tls_options{.ca_directory = here.path()}));
}

BOOST_AUTO_TEST_CASE(a_certificate_of_ours_that_cannot_be_used_is_refused_by_name) {
  const temporary_directory here;
  const test_authority authority;
  const auto mine = authority.issue({.host = "client", .client = true});
  const auto other = authority.issue({.host = "client", .client = true});
  const auto certificate = here.file("certificate.pem", mine.certificate_pem);
  const auto key = here.file("key.pem", mine.key_pem);
  check_refused(tls_options{.key_file = key}, "tls.key_file");
  check_refused(tls_options{.certificate_file = certificate}, "tls.key_file");
  check_refused(tls_options{.certificate_file = here.path() + "/missing", .key_file = key},
                "tls.certificate_file");
  check_refused(tls_options{.certificate_file = key, .key_file = key}, "tls.certificate_file");
  check_refused(tls_options{.certificate_file = certificate, .key_file = certificate}, "tls.key_file");
  check_refused(tls_options{.certificate_file = certificate, .key_file = here.path() + "/missing"},
                "tls.key_file");
  check_refused(
      tls_options{.certificate_file = certificate, .key_file = here.file("other.pem", other.key_pem)},
      "tls.key_file");
  BOOST_CHECK_NO_THROW(tls_context(tls_options{.certificate_file = certificate, .key_file = key}));
  const auto both = here.file("both.pem", mine.certificate_pem + mine.key_pem);
  BOOST_CHECK_NO_THROW(tls_context(tls_options{.certificate_file = both}));
}

BOOST_AUTO_TEST_CASE(an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password) {
  const temporary_directory here;
  const auto mine = test_authority().issue();
  constexpr std::string_view encrypted =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjLm8Y0zGXTMgICCAAw\n"
      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEH8X2+ruqXb/5cVo8x7/s8EEgZAw\n"
      "P80D/P4ab9/bOSWIVS24lNEVkgDm8LHDyDgJ0KGIVcHlYXZepnVzimePDjv9khU2\n"
      "ym9TCkRZDx0wJUihREyGBvx5usZ6Axdptca3TX3hQpjB4trb9yeQU87O9Nis5+aP\n"
      "pxc4hWuoHUzinf4QUqeCXpZgJQO6Hs8hJpVPPVBIPF/hUY3ySPUUnpQ1SS3FWw0=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n";
  check_refused(tls_options{.certificate_file = here.file("certificate.pem", mine.certificate_pem),
                            .key_file = here.file("key.pem", encrypted)},
                "tls.key_file", "encrypted");
}

BOOST_AUTO_TEST_CASE(a_server_of_a_test_is_told_what_is_wrong_with_it) {
  const test_authority authority;
  const auto mine = authority.issue();
  const auto other = authority.issue();
  check_refused(tls_server_options{}, "tls_server.certificate_pem");
  check_refused(tls_server_options{.certificate_pem = mine.certificate_pem}, "tls_server.key_pem");
  check_refused(tls_server_options{.certificate_pem = mine.certificate_pem, .key_pem = other.key_pem},
                "tls_server.key_pem");
  check_refused(
      tls_server_options{
          .certificate_pem = mine.certificate_pem, .key_pem = mine.key_pem, .client_ca_pem = "nothing"},
      "tls_server.client_ca_pem");
}

BOOST_AUTO_TEST_SUITE_END()
