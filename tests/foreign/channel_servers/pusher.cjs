// A server that speaks Pusher's protocol 7, and the web application beside it: node pusher.cjs PORT. The app's key is
// "key". It is ours, so tests/foreign/channel_servers/pusher_client.cjs runs Pusher's own client against it.
// SIGUSR2: closes with 4200, "at once".
const crypto = require("crypto");
const http = require("http");
const { WebSocketServer } = require("ws");

const secret = "secret";
const channels = new Map(); // name to a Map of sockets and their members
let sockets = 0;

const sign = (...parts) => "key:" + crypto.createHmac("sha256", secret).update(parts.join(":")).digest("hex");
const say = (socket, event, data, channel) =>
  socket.send(JSON.stringify({ event, channel, data: JSON.stringify(data) }));
const others = (socket, name) => [...channels.get(name).keys()].filter((each) => each !== socket);

function fail(socket, code, message) {
  say(socket, "pusher:error", { code, message });
  socket.close(code, message);
}

function presence(name) {
  const members = [...channels.get(name).values()];
  const hash = Object.fromEntries(members.map((each) => [each.user_id, each.user_info ?? null]));
  return { presence: { ids: Object.keys(hash), hash, count: Object.keys(hash).length } };
}

function subscribe(socket, { channel, auth, channel_data }) {
  const restricted = /^(private|presence)-/.test(channel);
  const parts = [socket.id, channel, ...(channel_data ? [channel_data] : [])];
  if (restricted && auth !== sign(...parts))
    return socket.send(JSON.stringify({ event: "pusher:subscription_error", channel,
      data: { type: "AuthError", error: "wrong signature", status: 401 } }));
  if (!channels.has(channel)) channels.set(channel, new Map());
  const member = channel_data ? JSON.parse(channel_data) : {};
  channels.get(channel).set(socket, member);
  const is_presence = channel.startsWith("presence-");
  say(socket, "pusher_internal:subscription_succeeded", is_presence ? presence(channel) : {}, channel);
  if (is_presence) others(socket, channel).forEach((each) => say(each, "pusher_internal:member_added", member, channel));
}

function leave(socket, name) {
  const member = channels.get(name)?.get(socket);
  if (!member) return;
  channels.get(name).delete(socket);
  if (name.startsWith("presence-"))
    channels.get(name).forEach((_, each) => say(each, "pusher_internal:member_removed", { user_id: member.user_id }, name));
}

function take(socket, text) {
  const { event, channel, data } = JSON.parse(text);
  if (event === "pusher:ping") return say(socket, "pusher:pong", {});
  if (event === "pusher:subscribe") return subscribe(socket, data);
  if (event === "pusher:unsubscribe") return leave(socket, data.channel);
  if (!event.startsWith("client-") || !channels.get(channel)?.has(socket)) return;
  others(socket, channel).forEach((each) => each.send(JSON.stringify({ event, channel, data })));
}

const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    const form = new URLSearchParams(body);
    const name = form.get("channel_name"), id = form.get("socket_id");
    if (name === "private-closed") return response.writeHead(403).end("no");
    const answer = { auth: sign(id, name) };
    if (name.startsWith("presence-")) {
      answer.channel_data = JSON.stringify({ user_id: request.headers["x-user"] ?? "js" });
      answer.auth = sign(id, name, answer.channel_data);
    }
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
  });
});
const ws = new WebSocketServer({ server });
ws.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://x");
  if (url.searchParams.get("protocol") !== "7") return fail(socket, 4007, "unsupported protocol version");
  if (url.pathname !== "/app/key") return fail(socket, 4001, "no such app");
  socket.id = `7.${++sockets}`;
  socket.on("message", (text) => take(socket, text));
  socket.on("close", () => [...channels.keys()].forEach((name) => leave(socket, name)));
  say(socket, "pusher:connection_established", { socket_id: socket.id, activity_timeout: 1 });
});
let ticks = 0;
setInterval(() => {
  ++ticks;
  channels.get("ticks")?.forEach((_, socket) => say(socket, "tick", ticks, "ticks"));
}, 100);
process.on("SIGUSR2", () => ws.clients.forEach((socket) => fail(socket, 4200, "please come back")));
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening", process.argv[2]));
