"""The examples of channels against servers that we did not write. Usage: channels_test.py EXAMPLES NPM_FOLDER"""
import pathlib
import sys
import time

from foreign_server import Program
from channel_backends import NodeServer, PumaServer, install


def survives(program, arguments, start, tick, first):
    """The server is killed between two events, and comes back."""
    server = start(None)
    with server, Program(str(program), *arguments(server.port)) as client:
        for line in first:
            client.expect(line)
        client.expect(tick)
        server.stop()
        client.expect("^lost")
        time.sleep(0.3)
        with start(server.port):
            client.expect("^subscribed again$")
            client.expect(tick)
            client.expect("^over: ")
            assert client.exit_status() == 0


def json_rpc(examples, modules):
    survives(examples / "json_rpc_client", lambda port: [f"ws://127.0.0.1:{port}/", "30"],
             lambda port: NodeServer("json_rpc", modules, port), r"^tick \[\d+\]$",
             ["^subscribed$", "^sum: 3$", "^fail: refused no such user$"])


def graphql(examples, modules):
    survives(examples / "graphql_subscription", lambda port: [f"ws://127.0.0.1:{port}/graphql", "30"],
             lambda port: NodeServer("graphql", modules, port), r"^tick \d+$", ["^subscribed$", '^answer: "hello holdfast"$'])
    with NodeServer("graphql", modules) as server:
        command = [str(examples / "graphql_subscription"), f"ws://127.0.0.1:{server.port}/graphql"]
        with Program(*command, "10", '{"ends":2}') as client:
            client.expect("^tick 2$")
            client.expect("^ended: completed")
            client.expect("^over: Success$")
        with Program(*command, "10", '{"refused":true}') as client:  # 4403
            client.expect("^over: server refused the credentials$")


def action_cable(examples, _):
    survives(examples / "cable_room", lambda port: [f"ws://127.0.0.1:{port}/cable?user=me", "lobby", "20"], PumaServer,
             '^heard: {"text":"line \\d+","from":"me"}$', ["^subscribed$"])
    with PumaServer() as server:
        url = f"ws://127.0.0.1:{server.port}/cable"
        with Program(str(examples / "cable_room"), f"{url}?user=me", "closed") as client:
            client.expect("^ended: refused rejected$")
            client.expect("^over: Success$")
        with Program(str(examples / "cable_room"), url) as client:  # without a user
            client.expect("^ended: closed server refused the credentials$")
            client.expect("^over: server refused the credentials$")


def ocpp(examples, modules):
    with NodeServer("ocpp", modules) as server:
        with Program(str(examples / "ocpp_charge_point"), f"ws://127.0.0.1:{server.port}/CP1") as client:
            server.expect("^connected CP1$")
            server.expect("^boot holdfast$")
            client.expect('^BootNotification: answered .*"Accepted"')
            client.expect("^Heartbeat: answered ")
            client.expect("^Unheard: refused NotImplemented")
            client.expect('^the server calls Reset {"type":"Soft"}$')
            server.expect("^reset Accepted$")
            client.expect("^over: ")
            assert client.exit_status() == 0
        server.expect("^gone CP1$")


def main():
    examples = pathlib.Path(sys.argv[1])
    modules = install(sys.argv[2])
    for test in json_rpc, graphql, ocpp, action_cable:
        print(f"--- {test.__name__}", flush=True)
        test(examples, modules)


main()
