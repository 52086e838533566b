// A toolkit that owns the main thread. The connection has a thread of its own, and its callbacks post to the
// queue of the UI. One learns what a callback may capture, and in which order everything ends.
#include <boost/asio.hpp>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <utility>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;

// Stands for QMetaObject::invokeMethod, g_idle_add or PostMessage. post() may be called from any thread.
class ui_queue {
 public:
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    waiting_.push(std::move(work));
    arrived_.notify_one();
  }
  void run_one() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !waiting_.empty(); });
    const auto work = std::move(waiting_.front());
    waiting_.pop();
    lock.unlock();
    work();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::queue<std::function<void()>> waiting_;
};

// All members run on the thread of the UI. A posted function holds a weak_ptr, because the user may close the
// window before the UI calls the function.
class window : public std::enable_shared_from_this<window> {
 public:
  void follow(holdfast::connection& conn, ui_queue& ui) {
    conn.add_connection_listener("window",
                                 {.on_state_change = [&ui, to = weak_from_this()](const auto& change) {
                                   ui.post([to, text = describe(change)] {
                                     if (const auto self = to.lock()) self->show(text);
                                   });
                                 }});
    conn.set_message_handler([&ui, to = weak_from_this()](const holdfast::message_view& got) {
      ui.post([to, text = std::string(got.payload)] {  // a copy: the view is valid during this call only
        if (const auto self = to.lock()) self->show(self->last_message = text);
      });
    });
  }
  std::string last_message;

 private:
  static void show(const std::string& text) { std::cout << text << std::endl; }
};

int main() {
  ui_queue ui;
  net::io_context io(1);
  holdfast::testing::server server(io.get_executor());  // echoes
  holdfast::testing::loopback_port port(io.get_executor(), server);
  holdfast::connection conn(io, {.url = port.url()});
  auto shown = std::make_shared<window>();
  shown->follow(conn, ui);
  bool over = false;
  conn.run([&](holdfast::error_code) {  // on the thread of the connection, like all callbacks
    port.shut();
    ui.post([&] { over = true; });
  });
  std::thread network([&] { io.run(); });

  // The user types, reads the answer, and closes the window.
  conn.send("hello", {.when_offline = holdfast::offline_rule::wait}, net::detached);
  while (shown->last_message != "hello") ui.run_one();
  shown.reset();
  conn.close();
  while (!over) ui.run_one();  // functions posted for the window find it gone
  network.join();
  return 0;
}
