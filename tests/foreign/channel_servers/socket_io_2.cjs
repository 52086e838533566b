// A server of Socket.IO 2, which speaks Engine.IO 3: node socket_io_2.cjs PORT.
const http = require("http").createServer();
require("socket.io-2")(http);
http.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening", process.argv[2]));
