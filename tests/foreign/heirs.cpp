// Twenty processes, one after the other, go on with one session of holdfast.v1. Each sends some messages,
// takes what comes, and leaves its state to the next one in a file. A server in the first process tells
// events all the while: at the end nothing was lost, and nothing came twice.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

import holdfast;
import holdfast.testing;
import holdfast.v1;

namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;
using texts = std::vector<std::string>;

constexpr int heirs = 20;
constexpr int messages_each = 25;

// What `file` holds; empty: there is none.
std::string read_file(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What one of them has to do.
struct task {
  std::string url;
  std::string file;     // of the state
  int number = 0;       // among the heirs
  std::string until{};  // it stays until it has got this event; empty: until it has sent its messages
};

net::awaitable<void> print_events(holdfast::connection& conn, bool& has_last, const std::string& last) {
  for (;;) {
    const auto [ended, one] = co_await conn.receive(net::as_tuple(net::use_awaitable));
    if (ended) co_return;
    std::cout << one.payload << std::endl;
    has_last = has_last || one.payload == last;
  }
}

net::awaitable<void> live(holdfast::connection& conn, const task& mine, const bool& has_last) {
  net::steady_timer pause(co_await net::this_coro::executor);
  for (int i = 0; i < messages_each; ++i) {
    const auto text = std::to_string(mine.number * messages_each + i);
    conn.send(text, {.when_offline = holdfast::offline_rule::wait}, net::detached);
    pause.expires_after(i % 5 == 0 ? 2ms : 0ms);
    co_await pause.async_wait(net::use_awaitable);
  }
  while (!mine.until.empty() && !has_last) {
    pause.expires_after(5ms);
    co_await pause.async_wait(net::use_awaitable);
  }
  const auto state = co_await conn.export_state(net::use_awaitable);
  std::ofstream(mine.file) << state;
}

// One of the twenty.
int inherit(const task& mine) {
  net::io_context io(1);
  holdfast::options given{
      .url = mine.url, .subprotocols = {std::string(holdfast::v1_subprotocol)}, .protocol = holdfast::v1()};
  holdfast::connection conn(io, given);
  if (const auto state = read_file(mine.file); !state.empty()) conn.import_state(state);
  bool has_last = false;
  net::co_spawn(io, print_events(conn, has_last, mine.until), net::detached);
  net::co_spawn(io, live(conn, mine, has_last), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  conn.run(net::detached);
  io.run_for(30s);
  return io.stopped() ? 0 : 1;
}

// Runs this program as the next heir; returns the lines that it has printed.
texts run_heir(const char* self, const task& its) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  const auto number = std::to_string(its.number);
  std::array<std::string, 5> words{self, its.url, its.file, number, its.until};
  std::array<char*, 6> argv{};
  std::ranges::transform(words, argv.begin(), [](std::string& each) { return each.data(); });
  pid_t child = 0;
  const bool began = posix_spawn(&child, self, &actions, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string all;
  std::array<char, 4096> piece{};
  for (ssize_t got = 0; (got = read(ends[0], piece.data(), piece.size())) > 0;)
    all.append(piece.data(), static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  if (!began || waitpid(child, &status, 0) != child || status != 0)
    throw std::runtime_error("heir " + number + " has failed");
  texts out;
  for (std::size_t at = 0, end = 0; (end = all.find('\n', at)) != std::string::npos; at = end + 1)
    out.push_back(all.substr(at, end - at));
  return out;
}

// The numbers from zero, in order.
bool are_counted(const texts& given, std::size_t count) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] != std::to_string(i)) return false;
  }
  return given.size() == count;
}

int bequeath(const char* self) {
  net::io_context io(1);
  holdfast::testing::server behind(io.get_executor());
  holdfast::testing::v1_server backend(behind);
  holdfast::testing::loopback_port port(io.get_executor(), behind);
  const auto work = net::make_work_guard(io);
  std::jthread runs([&io] { io.run(); });
  const auto file = (std::filesystem::temp_directory_path() / ("heirs." + std::to_string(getpid()))).string();
  texts got;
  // An event for each message, so that they come while processes change.
  int told = 0;  // on the thread that runs the server
  backend.on_message([&](const holdfast::testing::v1_message&) { backend.tell(std::to_string(told++)); });
  constexpr int events = heirs * messages_each;
  for (int i = 0; i < heirs; ++i) {
    task next{.url = port.url(), .file = file, .number = i};
    if (i == heirs - 1) next.until = std::to_string(events - 1);  // it is to get all that is left
    for (auto& each : run_heir(self, next)) got.push_back(std::move(each));
  }
  std::filesystem::remove(file);
  texts said;
  for (auto& each : backend.messages()) said.push_back(std::move(each.data));
  io.stop();
  const bool all_sent = are_counted(said, heirs * messages_each);
  const bool all_got = are_counted(got, events);
  std::cout << heirs << " processes, " << said.size() << " messages of " << heirs * messages_each << ", "
            << got.size() << " events of " << events << ", " << backend.resumes() << " resumed\n";
  for (const auto& each : backend.violations()) std::cout << each << '\n';
  const bool fine = all_sent && all_got && backend.violations().empty() && backend.resumes() == heirs - 1;
  std::cout << (fine ? "nothing was lost, nothing came twice" : "WRONG: something was lost, or came twice")
            << std::endl;
  return fine ? 0 : 1;
}

}  // namespace

int main(int argc, char* argv[]) try {
  if (argc == 5) return inherit({argv[1], argv[2], std::stoi(argv[3]), argv[4]});
  return bequeath(argv[0]);
} catch (const std::exception& wrong) {
  std::cerr << "heirs: " << wrong.what() << '\n';
  return 1;
}
