// Pusher's own client (npm pusher-js), for what our fake server has to be able to: node pusher_client.cjs PORT KEY
const Pusher = require("pusher-js");

const [port, key] = process.argv.slice(2);
const pusher = new Pusher(key, {
  cluster: "x", wsHost: "127.0.0.1", wsPort: Number(port), forceTLS: false, enabledTransports: ["ws"], disableStats: true,
  channelAuthorization: { endpoint: `http://127.0.0.1:${port}/auth`, transport: "ajax" },
});
pusher.connection.bind("state_change", ({ current }) => console.log("state", current));
pusher.connection.bind("error", (why) => console.log("error", why.data?.code ?? why.error?.data?.code));
let told = false;
pusher.subscribe("ticks").bind("tick", () => { if (!told) console.log("tick"); told = true; });
const room = pusher.subscribe("private-room");
room.bind("pusher:subscription_succeeded", () => { console.log("in the room"); room.trigger("client-hello", { from: "js" }); });
room.bind("client-hello", (data) => console.log("hello from", data.from));
pusher.subscribe("private-closed").bind("pusher:subscription_error", (why) => console.log("refused", why.status));
const here = pusher.subscribe("presence-room");
here.bind("pusher:subscription_succeeded", (members) => console.log("here", members.count));
here.bind("pusher:member_added", (member) => console.log("added", member.id));
here.bind("pusher:member_removed", (member) => console.log("removed", member.id));
