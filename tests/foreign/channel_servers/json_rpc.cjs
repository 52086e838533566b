// A JSON-RPC server, by the npm package rpc-websockets. Usage: node json_rpc.cjs PORT
const { Server } = require("rpc-websockets");

const port = Number(process.argv[2]);
const server = new Server({ port, host: "127.0.0.1" });
server.register("sum", (params) => params[0] + params[1]);
server.register("fail", () => { throw server.createError(-32050, "no such user", { asked: "fail" }); });
server.register("mute", () => new Promise(() => {}));
server.event("tick");
let number = 0;
setInterval(() => server.emit("tick", ++number), 100);
server.on("listening", () => console.log(`listening ${port}`));
