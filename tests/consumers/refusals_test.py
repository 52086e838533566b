"""What cannot work with the module is refused by the compiler with one clear sentence: macros that make another Asio, on
the command line or in the source, and an import above the headers of Asio.

Usage: refusals_test.py BUILD, a build folder with its compile_commands.json; skipped without that.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# A few of cmake/asio_settings.cmake, each in another way harmful: does not compile, crashes, hangs.
REFUSED = ["BOOST_ASIO_NO_DEPRECATED", "BOOST_ASIO_ENABLE_HANDLER_TRACKING", "BOOST_ASIO_DISABLE_THREADS",
           "BOOST_ASIO_DISABLE_EPOLL", "BOOST_ASIO_USE_TS_EXECUTOR_AS_DEFAULT", "_GLIBCXX_DEBUG"]
HARMLESS = ["BOOST_ASIO_NO_TS_EXECUTORS", "BOOST_ASIO_DISABLE_BOOST_REGEX", "BOOST_ASIO_HAS_CO_AWAIT=1"]
IMPORT_ABOVE = """import holdfast;
#include <boost/asio.hpp>
int main() {
  boost::asio::io_context io;
  holdfast::connection conn(io, {.url = "ws://127.0.0.1:1/"});
  conn.connect([](holdfast::error_code, const auto&) {});
}
"""


def command_of(build, source):
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        if entry["file"].endswith(source):
            return entry
    raise AssertionError(f"no command for {source}")


class Compiler:
    """Compiles as the source of a user in this build is compiled, but another text."""

    def __init__(self, build, source):
        self.entry = command_of(build, source)

    def errors(self, text, *options):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            command = re.sub(r" -o \S+| -c \S+", "", self.entry["command"])
            command += f" -fsyntax-only {' '.join(options)} {file.name}"
            done = subprocess.run(command, shell=True, cwd=self.entry["directory"], stderr=subprocess.PIPE, text=True)
        found = re.findall(r"(?:^|: )(?:fatal )?error: (.*)", done.stderr)
        assert bool(done.returncode) == bool(found), done.stderr
        return found


# covers R77
def macros_that_make_another_asio(compiler):
    boost = "#include <boost/config.hpp>\n"
    for macro in REFUSED:
        sentence = f'"holdfast is compiled without {macro}, which changes Boost.Asio: '
        on_the_command_line = compiler.errors(boost, f"-D{macro}")
        assert len(on_the_command_line) == 1 and on_the_command_line[0].startswith(sentence), on_the_command_line
        in_the_source = compiler.errors(f"#define {macro}\n" + boost)
        assert len(in_the_source) == 1 and in_the_source[0].startswith(sentence), in_the_source
    assert not compiler.errors(boost, *(f"-D{macro}" for macro in HARMLESS))


# covers R77
def an_import_above_the_headers_of_asio(compiler):
    found = compiler.errors(IMPORT_ABOVE)
    assert found and "must come after every #include of Boost.Asio" in found[0], found[:3]
    below = IMPORT_ABOVE.split("\n")
    below[0], below[1] = below[1], below[0]
    assert not compiler.errors("\n".join(below))


def main():
    build = pathlib.Path(sys.argv[1])
    if not (build / "compile_commands.json").exists():
        print("skipped: the build folder has no compile_commands.json (CMAKE_EXPORT_COMPILE_COMMANDS)")
        sys.exit(77)
    compiler = Compiler(build, "tests/consumers/beside_beast.cpp")
    for test in macros_that_make_another_asio, an_import_above_the_headers_of_asio:
        print(f"--- {test.__name__}")
        test(compiler)


main()
