// A central system that speaks OCPP 1.6, by the npm package ocpp-rpc. Usage: node ocpp.cjs PORT
const { RPCServer } = require("ocpp-rpc");

const port = Number(process.argv[2]);
const server = new RPCServer({ protocols: ["ocpp1.6"] });
server.auth((accept) => accept({}));
server.on("client", (client) => {
  console.log(`connected ${client.identity}`);
  client.on("close", () => console.log(`gone ${client.identity}`));
  client.handle("BootNotification", ({ params }) => {
    console.log(`boot ${params.chargePointVendor}`);
    return { status: "Accepted", interval: 300, currentTime: new Date().toISOString() };
  });
  client.handle("Heartbeat", () => ({ currentTime: new Date().toISOString() }));
  setTimeout(async () => {
    try {
      const reply = await client.call("Reset", { type: "Soft" });
      console.log(`reset ${reply.status}`);
    } catch (why) {
      console.log(`no reset: ${why.message}`); // the charge point has gone
    }
  }, 500);
});
server.listen(port, "127.0.0.1").then(() => console.log(`listening ${port}`));
