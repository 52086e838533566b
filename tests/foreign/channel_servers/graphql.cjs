// A GraphQL server, by the npm packages graphql-ws, graphql and ws. Usage: node graphql.cjs PORT
// connection_init with {"refused": true} is refused; with {"ends": N}, tick completes after N.
const { buildSchema } = require("graphql");
const { WebSocketServer } = require("ws");
const { useServer } = require("graphql-ws/use/ws");

const port = Number(process.argv[2]);
const schema = buildSchema("type Query { hello(name: String!): String } type Subscription { tick: Int }");
const pause = () => new Promise((done) => setTimeout(done, 100));
const roots = {
  query: { hello: ({ name }) => `hello ${name}` },
  subscription: {
    tick: async function* (_, context) {
      const last = context.connectionParams?.ends ?? Infinity;
      for (let number = 1; number <= last; ++number) {
        yield { tick: number };
        await pause();
      }
    },
  },
};
const server = new WebSocketServer({ port, host: "127.0.0.1", path: "/graphql" });
useServer({
  schema, roots,
  context: (ctx) => ({ connectionParams: ctx.connectionParams }),
  onConnect: (ctx) => !ctx.connectionParams?.refused,
}, server);
server.on("listening", () => console.log(`listening ${port}`));
