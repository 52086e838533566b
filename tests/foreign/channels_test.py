"""The examples of channels against servers that we did not write. Usage: channels_test.py EXAMPLES NPM_FOLDER"""
import pathlib
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from foreign_server import Program
from channel_backends import NodeServer, PumaServer, install, node_script
from garbling_relay import GarblingRelay, text_frame


def survives(program, arguments, start, tick, first, again="^subscribed again$"):
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
            client.expect(again)
            client.expect(tick)
            client.expect("^over: ")
            assert client.exit_status() == 0


def expect_all(program, patterns):
    """In any order."""
    left = list(patterns)
    while left:
        line = program.expect("|".join(left)).string
        left = [each for each in left if not re.search(each, line)]


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


def socket_io(examples, modules):
    bot = str(examples / "socket_io_bot")
    survives(examples / "socket_io_bot", lambda port: [f"ws://127.0.0.1:{port}", "15"],
             lambda port: NodeServer("socket_io", modules, port), r'^said: "line \d+"$',
             ["^subscribed$", r'^echo: \["hello",1\]$', "^reversed: hello$"])
    with NodeServer("socket_io", modules) as server:
        with Program(bot, f"ws://127.0.0.1:{server.port}", "8", "/members", "member") as client:
            server.expect("^joined member$")
            server.expect("^name holdfast$")
            client.expect(r'^said: "line \d+"$')
            server.process.send_signal(signal.SIGUSR2)  # drops it, and says two things meanwhile
            client.expect("^lost: ")
            client.expect("^recovered$")
            client.expect('^said: "missed 1"$')
            client.expect('^said: "missed 2"$')
            server.expect("^recovered member$")
            client.expect("^over: Success$")
        for arguments in ["/members", "guest"], ["/nowhere"]:
            with Program(bot, f"ws://127.0.0.1:{server.port}", "8", *arguments) as client:
                client.expect("^over: server refused the (credentials|login)$")
    with NodeServer("socket_io_2", modules) as server, Program(bot, f"ws://127.0.0.1:{server.port}") as client:
        client.expect("^over: server refused the login$")


def pusher(examples, modules):
    with NodeServer("pusher", modules) as server:
        watcher = str(examples / "pusher_presence")
        url, authorizer = f"ws://127.0.0.1:{server.port}/app/key", f"http://127.0.0.1:{server.port}/auth"
        with Program("node", node_script("pusher_client", modules), str(server.port), "key") as official:
            expect_all(official, ["^here 1$", "^in the room$", "^refused 403$", "^tick$"])
            with Program(watcher, url, authorizer, "presence-room", "me", "7") as client:
                client.expect('^here: .*"ids":\\["js","me"\\]')
                official.expect("^added me$")
                with Program(watcher, url, authorizer, "private-room", "me", "1") as other:
                    other.expect("^here: null$")
                    official.expect("^hello from holdfast$")
                    other.expect("^over: Success$")
                server.process.send_signal(signal.SIGUSR2)  # 4200
                official.expect("^error 4200$")
                client.expect("^lost: server asked us to leave$")
                client.expect("^again here: ")
        with Program(watcher, url, authorizer, "private-closed") as client:
            client.expect("^ended: refused .* status 403$")
            client.expect("^over: Success$")
        with Program(watcher, f"ws://127.0.0.1:{server.port}/app/unknown", authorizer) as client:  # 4001
            client.expect("^over: server refused the login$")
        with Program("node", node_script("pusher_client", modules), str(server.port), "unknown") as official:
            official.expect("^error 4001$")
    survives(examples / "pusher_presence", lambda port: [f"ws://127.0.0.1:{port}/app/key", f"http://127.0.0.1:{port}/auth",
                                                         "ticks", "me", "30"],
             lambda port: NodeServer("pusher", modules, port), r"^tick: \d+$", ["^here: null$"], "^again here: null$")


def falls_silent(program, arguments, server, tick):
    """The server is stopped, not killed: its socket stays open, and only what it does not say is noticed."""
    with server, Program(str(program), *arguments(server.port)) as client:
        client.expect(tick)
        server.process.send_signal(signal.SIGSTOP)
        client.expect("^lost")
        server.process.send_signal(signal.SIGCONT)
        client.expect("^(subscribed again|recovered|again here: null)$")
        client.expect(tick)
        client.expect("^over: ")
        assert client.exit_status() == 0


def talks_nonsense(program, arguments, server, tick):
    """A frame that no server should send ends the session, and only that."""
    relay = GarblingRelay(server.port)
    with server, Program(str(program), *arguments(relay.port)) as client:
        client.expect(tick)
        relay.garble(text_frame("no frame of any dialect"))
        client.expect("^lost")
        client.expect("^(subscribed again|recovered|again here: null)$")
        client.expect(tick)
        client.expect("^over: ")
        assert client.exit_status() == 0


def misbehaviour(examples, modules):
    """Scenes of servers that fall silent, and of such as talk nonsense."""
    subjects = [
        ("json_rpc_client", lambda port: [f"ws://127.0.0.1:{port}/", "20"], lambda: NodeServer("json_rpc", modules),
         r"^tick \[\d+\]$"),
        ("graphql_subscription", lambda port: [f"ws://127.0.0.1:{port}/graphql", "20"],
         lambda: NodeServer("graphql", modules), r"^tick \d+$"),
        ("cable_room", lambda port: [f"ws://127.0.0.1:{port}/cable?user=me", "lobby", "20"], PumaServer, '^heard: '),
        ("socket_io_bot", lambda port: [f"ws://127.0.0.1:{port}", "15"], lambda: NodeServer("socket_io", modules),
         r'^said: "line \d+"$'),
        ("pusher_presence", lambda port: [f"ws://127.0.0.1:{port}/app/key", "http://127.0.0.1:1/auth", "ticks", "me", "30"],
         lambda: NodeServer("pusher", modules), r"^tick: \d+$"),
    ]
    for name, arguments, start, tick in subjects:
        for scene in falls_silent, talks_nonsense:
            yield (f"{name} {scene.__name__}",
                   lambda scene=scene, name=name, how=(arguments, start, tick):
                   scene(examples / name, how[0], how[1](), how[2]))


def ocpp_nonsense(examples, modules):
    with NodeServer("ocpp", modules) as server:
        relay = GarblingRelay(server.port, at_once=text_frame("{}"))
        with Program(str(examples / "ocpp_charge_point"), f"ws://127.0.0.1:{relay.port}/CP1") as client:
            client.expect("^BootNotification: in_doubt ")
            client.expect("^Heartbeat: answered ")
            client.expect("^over: ")


def main():
    """All scenes at once: they wait most of the time."""
    examples = pathlib.Path(sys.argv[1])
    modules = install(sys.argv[2])
    scenes = dict(misbehaviour(examples, modules))
    for test in json_rpc, graphql, ocpp, ocpp_nonsense, action_cable, socket_io, pusher:
        scenes[test.__name__] = lambda test=test: test(examples, modules)
    with ThreadPoolExecutor(len(scenes)) as pool:
        running = {name: pool.submit(scene) for name, scene in scenes.items()}
    for name, scene in running.items():
        print(f"--- {name}: {scene.exception() or 'as it should be'}", flush=True)
    for scene in running.values():
        scene.result()


main()
