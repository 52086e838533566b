// A Socket.IO server: node socket_io.cjs PORT. Namespace "/" for all; "/members" for those with a token. SIGUSR2 drops
// all clients, and says two things before they can be back.
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, {
  pingInterval: 1000, pingTimeout: 4000, connectionStateRecovery: { maxDisconnectionDuration: 10000 },
});

function serve(socket) {
  console.log(socket.recovered ? "recovered" : "joined", socket.handshake.auth.token ?? "");
  if (!socket.recovered) socket.emit("who are you", (name) => console.log("name", name));
  socket.on("echo", (...given) => given.pop()(...given));
  socket.on("reverse", (bytes, reply) => reply({ bytes: Buffer.from(bytes).reverse() }));
  socket.on("say", (what) => (what === "kick me" ? socket.disconnect() : socket.nsp.emit("said", what)));
}

io.on("connection", serve);
const members = io.of("/members");
members.use((socket, next) => next(socket.handshake.auth.token === "member" ? undefined : new Error("not a member")));
members.on("connection", serve);

process.on("SIGUSR2", () => {
  Object.values(io.engine.clients).forEach((client) => client.transport.close());
  setTimeout(() => ["missed 1", "missed 2"].forEach((each) => [io, members].forEach((to) => to.emit("said", each))), 20);
});
http.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening", process.argv[2]));
