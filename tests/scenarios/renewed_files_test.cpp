// Certificates, keys and authorities that are renewed on the disk while a connection lives: the next attempt
// uses the new ones, and what is of no use changes nothing.
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "secure.hpp"
#include "temporary_file.hpp"
#include "tls.hpp"

BOOST_AUTO_TEST_SUITE(renewed_files)

namespace {

namespace fs = std::filesystem;

// The server wants a certificate from `staff`, and remembers sessions.
struct renewal : wss_scenario {
  renewal() {
    const auto context = watched_context(authority.issue(), staff.certificate_pem());
    SSL_CTX_set_verify(context->native_handle(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    backend.use_tls({.context = context});
    put(issued("first"));
    given.tls.certificate_file = certificate.path();
    given.tls.key_file = key.path();
  }
  [[nodiscard]] issued_certificate issued(std::string_view name) const {
    return staff.issue({.host = std::string(name), .client = true});
  }
  void put(const issued_certificate& what) const {
    certificate.write(what.certificate_pem);
    key.write(what.key_pem);
  }
  // The session ends, and there is another one at the first attempt.
  bool comes_back() {
    const auto before = conn->snapshot().sequence;
    in.network()->reset_links();
    return reaches(connection_state::disconnected) && reaches(connection_state::connected, 1min) &&
           conn->snapshot().sequence == before + 3 && echoes(*this, "back");
  }
  [[nodiscard]] std::size_t lines_about(std::string_view what) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        log_lines, [&](const std::string& line) { return line.find(what) != std::string::npos; }));
  }

  test_authority staff{"staff"};
  temporary_file certificate;
  temporary_file key;
};

// A directory that lives as long as the test.
struct temporary_directory {
  temporary_directory() { fs::create_directory(path); }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() { fs::remove_all(path); }

  static fs::path new_path() {
    static int count = 0;
    return fs::temp_directory_path() /
           ("holdfast_renewed_" + std::to_string(::getpid()) + '_' + std::to_string(++count));
  }
  const fs::path path = new_path();
};

void fill(const fs::path& to, const std::string& text) { std::ofstream(to) << text; }

// As OpenSSL looks for it in a directory: by the hash of its subject.
std::string hashed_name(const std::string& certificate_pem) {
  BIO* const text = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
  X509* const certificate = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
  const auto hash = X509_subject_name_hash(certificate);
  X509_free(certificate);
  BIO_free(text);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (int shift = 28; shift >= 0; shift -= 4) out += digits[(hash >> static_cast<unsigned>(shift)) & 0xFU];
  return out + ".0";
}

}  // namespace

// covers R55
BOOST_AUTO_TEST_CASE(a_certificate_that_is_renewed_in_place_is_shown_from_the_next_attempt_on) {
  renewal s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(shown_to(last_server) == "first");
  for (const auto* const name : {"second", "third"}) {
    s.put(s.issued(name));
    BOOST_REQUIRE(s.comes_back());
    BOOST_TEST(shown_to(last_server) == name);
  }
  BOOST_TEST(s.backend.resumptions() == 0U);  // each would have shown the certificate of the session before
  BOOST_TEST(s.lines_about("options.tls") == 0U);
}

// covers R55
BOOST_AUTO_TEST_CASE(a_certificate_that_is_replaced_by_a_rename_is_shown_from_the_next_attempt_on) {
  renewal s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto next = s.issued("second");
  for (const auto& [text, path] :
       {std::pair{next.certificate_pem, s.certificate.path()}, std::pair{next.key_pem, s.key.path()}}) {
    fill(path + ".new", text);
    fs::last_write_time(path + ".new", fs::last_write_time(path));  // only the file itself is another one
    fs::rename(path + ".new", path);
  }
  BOOST_REQUIRE(s.comes_back());
  BOOST_TEST(shown_to(last_server) == "second");
}

// As Kubernetes does it: the link in the middle of the path leads to another directory.
// covers R55
BOOST_AUTO_TEST_CASE(files_behind_a_link_that_leads_elsewhere_now_are_read_again) {
  renewal s;
  const temporary_directory here;
  for (const auto* const name : {"first", "second"}) {
    const auto made = s.issued(name);
    fs::create_directory(here.path / name);
    fill(here.path / name / "tls.crt", made.certificate_pem);
    fill(here.path / name / "tls.key", made.key_pem);
  }
  fs::create_directory_symlink("first", here.path / "..data");
  fs::create_symlink("..data/tls.crt", here.path / "tls.crt");
  fs::create_symlink("..data/tls.key", here.path / "tls.key");
  s.given.tls.certificate_file = (here.path / "tls.crt").string();
  s.given.tls.key_file = (here.path / "tls.key").string();
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(shown_to(last_server) == "first");
  fs::create_directory_symlink("second", here.path / "..new");
  fs::rename(here.path / "..new", here.path / "..data");
  BOOST_REQUIRE(s.comes_back());
  BOOST_TEST(shown_to(last_server) == "second");
}

// covers R55
BOOST_AUTO_TEST_CASE(a_renewal_of_one_file_after_the_other_keeps_the_old_ones_until_both_are_there) {
  renewal s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  const auto next = s.issued("second");
  s.certificate.write(next.certificate_pem);
  for (int times = 0; times < 3; ++times) {
    BOOST_REQUIRE(s.comes_back());
    BOOST_TEST(shown_to(last_server) == "first");
    BOOST_TEST(s.lines_about("options.tls.key_file: does not belong to the certificate") == 1U);
  }
  s.key.write(next.key_pem);
  BOOST_REQUIRE(s.comes_back());
  BOOST_TEST(shown_to(last_server) == "second");
  BOOST_TEST(s.lines_about("options.tls") == 1U);
}

// covers R55
BOOST_AUTO_TEST_CASE(each_new_file_that_cannot_be_used_is_told_once_and_the_old_one_goes_on) {
  renewal s;
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  std::size_t told = 0;
  const auto check_kept = [&] {
    ++told;
    for (int times = 0; times < 3; ++times) {
      BOOST_REQUIRE(s.comes_back());
      BOOST_TEST(shown_to(last_server) == "first");
      BOOST_TEST(s.lines_about("options.tls.certificate_file: ") == told);
    }
  };
  s.certificate.write("no certificate");
  check_kept();
  s.certificate.write("another text that is none");
  check_kept();
  fs::remove(s.certificate.path());
  check_kept();
  BOOST_TEST(s.lines_about("the files read before stay in use") == told);
  s.put(s.issued("second"));
  BOOST_REQUIRE(s.comes_back());
  BOOST_TEST(shown_to(last_server) == "second");
  BOOST_TEST(s.lines_about("options.tls") == told);
}

// covers R55
BOOST_AUTO_TEST_CASE(a_file_that_was_only_touched_costs_no_session) {
  renewal s;
  const auto first = s.issued("first");
  s.put(first);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(echoes(s, "hello"));
  for (int times = 1; times <= 2; ++times) {
    s.put(first);
    fs::last_write_time(s.key.path(), fs::file_time_type::clock::now() - times * 1h);
    BOOST_REQUIRE(s.comes_back());
    BOOST_TEST(s.backend.resumptions() == static_cast<std::size_t>(times));
  }
}

// covers R55 R79
BOOST_AUTO_TEST_CASE(an_expired_certificate_is_told_and_a_renewed_one_ends_the_failures) {
  renewal s;
  s.put(s.staff.issue({.host = "first", .client = true, .expired = true}));
  const auto failed = first_failure(s);
  BOOST_CHECK(failed.reason.error == error::client_certificate_refused);
  BOOST_TEST((failed.reason.at == stage::tls));
  BOOST_TEST(failed.reason.detail == "TLS alert certificate expired");
  s.put(s.issued("second"));
  BOOST_REQUIRE(s.reaches(connection_state::connected, s.given.retry.cap + 1s));
  BOOST_TEST(shown_to(last_server) == "second");
}

// covers R55
BOOST_AUTO_TEST_CASE(an_authority_that_is_replaced_in_its_file_is_trusted_from_the_next_attempt_on) {
  wss_scenario s;
  const temporary_file trust(s.authority.certificate_pem());
  const test_authority next("the next authority");
  s.given.tls = {.ca_file = trust.path()};
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  s.show(next.issue());
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.in.run_until(
      [&] { return s.conn->snapshot().reason.error == error::certificate_unknown_issuer; }, 1min));
  trust.write(next.certificate_pem());
  BOOST_REQUIRE(s.reaches(connection_state::connected, s.given.retry.cap + 1s));
  s.show(s.authority.issue());  // which is not trusted any more
  s.in.network()->reset_links();
  BOOST_TEST(s.in.run_until(
      [&] { return s.conn->snapshot().reason.error == error::certificate_unknown_issuer; }, 1min));
}

// OpenSSL keeps what it has found in a directory, and would find the old one under the same name.
// covers R55
BOOST_AUTO_TEST_CASE(an_authority_that_is_replaced_in_a_directory_is_trusted_from_the_next_attempt_on) {
  wss_scenario s;
  const temporary_directory trust;
  const test_authority next;  // of the same name
  fill(trust.path / hashed_name(s.authority.certificate_pem()), s.authority.certificate_pem());
  s.given.tls = {.ca_directory = trust.path.string()};
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  fill(trust.path / "new", next.certificate_pem());
  fs::rename(trust.path / "new", trust.path / hashed_name(next.certificate_pem()));
  s.show(next.issue());
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.conn->snapshot().sequence == 5U);  // at the first attempt
}

// covers R55
BOOST_AUTO_TEST_CASE(the_store_of_the_system_is_read_again_when_it_has_changed) {
  wss_scenario s;
  const test_authority next{"next"};
  const temporary_file store(s.authority.certificate_pem());
  ::setenv("SSL_CERT_FILE", store.path().c_str(), 1);
  s.given.tls = {};
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  store.write(next.certificate_pem());
  s.show(next.issue());
  s.in.network()->reset_links();
  BOOST_REQUIRE(s.reaches(connection_state::disconnected));
  BOOST_TEST(s.reaches(connection_state::connected));
  BOOST_TEST(s.conn->snapshot().sequence == 5U);  // at the first attempt
  ::unsetenv("SSL_CERT_FILE");
}

// A second reading would find nothing.
// covers R55
BOOST_AUTO_TEST_CASE(a_pipe_is_read_once) {
  renewal s;
  const auto own = s.issued("first");
  const auto text = own.certificate_pem + own.key_pem;
  int ends[2] = {-1, -1};
  BOOST_REQUIRE(::pipe(ends) == 0);
  BOOST_REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  s.given.tls.certificate_file = "/dev/fd/" + std::to_string(ends[0]);
  s.given.tls.key_file.clear();
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(s.comes_back());
  BOOST_TEST(shown_to(last_server) == "first");
  BOOST_TEST(s.lines_about("options.tls") == 0U);
  ::close(ends[0]);
}

BOOST_AUTO_TEST_SUITE_END()
