// What each "op" does. All members of a room are told what was said, the one who said it too, since that is
// how they learn its id; of all else only the others are told.
#include "chat.hpp"

#include <memory>
#include <string_view>

namespace json = boost::json;

namespace {

constexpr std::size_t longest_name_bytes = 64;
constexpr std::size_t most_rooms = 100;

std::string required_text(const json::object& data, const char* field) {
  const auto* found = data.if_contains(field);
  if (found == nullptr || !found->is_string()) throw refused(std::string(field) + " must be a string");
  return std::string(found->get_string());
}

std::string required_name(const json::object& data, const char* field) {
  auto name = required_text(data, field);
  if (name.empty() || name.size() > longest_name_bytes) {
    throw refused(std::string(field) + " must have 1 to " + std::to_string(longest_name_bytes) + " bytes");
  }
  return name;
}

const std::string& name_of(const session& member, const std::string& room) {
  const auto found = member.rooms.find(room);
  if (found == member.rooms.end()) throw refused("not in this room");
  return found->second;
}

event_data to_event(const json::object& data) {
  return std::make_shared<const std::string>(json::serialize(data));
}

}  // namespace

void chat::handle(session& from, const json::value& data) {
  const auto* object = data.if_object();
  const auto* op = object != nullptr ? object->if_contains("op") : nullptr;
  if (op == nullptr || !op->is_string()) return;
  const std::string_view what = op->get_string();
  const auto request_here = [&] { return request{from, *object, required_name(*object, "room")}; };
  if (what == "join") return join(request_here());
  if (what == "leave") return leave(from, request_here().room);
  if (what == "say") return say(request_here());
  if (what == "typing") return tell_typing(request_here());
  if (what == "read") return tell_read(request_here());
}

void chat::leave_all(session& who) {
  while (!who.rooms.empty()) leave(who, std::string(who.rooms.begin()->first));
}

// Joining again is no news to the others, unless it is under another name.
void chat::join(const request& what) {
  const auto& [from, data, room] = what;
  const auto name = required_name(data, "name");
  const auto known = from.rooms.find(room);
  if (known != from.rooms.end() && known->second != name) leave(from, room);
  if (!from.rooms.contains(room)) {
    if (from.rooms.size() == most_rooms) throw refused("in too many rooms");
    give_all(room, {{"op", "joined"}, {"room", room}, {"name", name}});
    from.rooms.emplace(room, name);
    rooms_[room].push_back(&from);
  }
  json::array names;
  for (const auto* each : rooms_[room]) names.emplace_back(name_of(*each, room));
  from.give(to_event({{"op", "members"}, {"room", room}, {"names", std::move(names)}}));
}

void chat::leave(session& who, const std::string& room) {
  const auto name = name_of(who, room);
  who.rooms.erase(room);
  const auto members = rooms_.find(room);
  std::erase(members->second, &who);
  if (members->second.empty()) rooms_.erase(members);
  give_all(room, {{"op", "left"}, {"room", room}, {"name", name}});
}

void chat::say(const request& what) {
  const auto& [from, data, room] = what;
  const auto& name = name_of(from, room);
  const auto text = required_text(data, "text");
  const auto id = "m" + std::to_string(++said_count_);
  give_all(room, {{"op", "said"}, {"room", room}, {"name", name}, {"id", id}, {"text", text}});
}

void chat::tell_typing(const request& what) {
  const auto& [from, data, room] = what;
  give_all(room, {{"op", "typing"}, {"room", room}, {"name", name_of(from, room)}}, &from);
}

void chat::tell_read(const request& what) {
  const auto& [from, data, room] = what;
  const auto& name = name_of(from, room);
  const auto of = required_name(data, "of");
  give_all(room, {{"op", "read"}, {"room", room}, {"name", name}, {"of", of}}, &from);
}

void chat::give_all(const std::string& room, const json::object& event, const session* but) {
  const auto members = rooms_.find(room);
  if (members == rooms_.end()) return;
  const auto data = to_event(event);
  for (auto* each : members->second) {
    if (each != but) each->give(data);
  }
}
