"""Certificates for the tests of TLS, made anew each time by the openssl command line, so that none can run out.

Knows nothing of servers. Everything is in the directory that it is given, and goes with it.
"""
import datetime
import pathlib
import subprocess

# Complete, so that the machine's own openssl.cnf adds nothing. `openssl ca` rather than `openssl x509`: it is the one
# that lets any version of OpenSSL 3 make a certificate that has already expired.
SETTINGS = """
[req]
prompt = no
distinguished_name = name
[name]
CN = unused
[authority]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
copy_extensions = copy
[policy]
commonName = supplied
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
THIS_MACHINE = "DNS:localhost,IP:127.0.0.1"


def day(offset):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=offset)).strftime("%Y%m%d%H%M%SZ")


class Identity:
    """A certificate and its key: in two files, and both in one."""

    def __init__(self, directory, name):
        self.name = name
        self.certificate, self.key, self.both = (str(directory / f"{name}.{kind}") for kind in ("crt", "key", "pem"))

    def join(self):
        text = pathlib.Path(self.certificate).read_text() + pathlib.Path(self.key).read_text()
        pathlib.Path(self.both).write_text(text)
        return self


class Authority:
    """Issues certificates; its own is `certificate`, a file."""

    def __init__(self, directory, name):
        self.directory = directory / name
        self.directory.mkdir()
        self.settings = self.directory / "openssl.cnf"
        self.settings.write_text(SETTINGS.format(directory=self.directory))
        (self.directory / "index.txt").touch()
        own = self.self_signed(f"{name}-itself", "basicConstraints=critical,CA:true",
                               "keyUsage=critical,keyCertSign,cRLSign")
        self.certificate, self.key = own.certificate, own.key

    def self_signed(self, name, *extensions):
        out = Identity(self.directory, name)
        self._openssl("req", "-x509", *KEY, "-days", "2", *self._named(name, extensions),
                      "-keyout", out.key, "-out", out.certificate)
        return out.join()

    def issues(self, name, purpose, names=THIS_MACHINE, first_day=-2, last_day=2):
        """`purpose` is serverAuth or clientAuth; the days are counted from now."""
        out = Identity(self.directory, name)
        extensions = f"extendedKeyUsage={purpose}", f"subjectAltName={names}"
        request = str(self.directory / f"{name}.csr")
        self._openssl("req", "-new", *KEY, *self._named(name, extensions), "-keyout", out.key, "-out", request)
        self._openssl("ca", "-batch", "-notext", "-name", "authority", "-startdate", day(first_day),
                      "-enddate", day(last_day), "-cert", self.certificate, "-keyfile", self.key,
                      "-in", request, "-out", out.certificate)
        return out.join()

    @staticmethod
    def _named(name, extensions):
        return "-subj", f"/CN={name}", *(word for each in extensions for word in ("-addext", each))

    def _openssl(self, command, *arguments):
        ended = subprocess.run(["openssl", command, "-config", str(self.settings), *arguments],
                               capture_output=True, text=True)
        assert ended.returncode == 0, (command, arguments, ended.stderr)


class Certificates:
    """All that the tests need; the names of the attributes are the facts."""

    def __init__(self, directory):
        self.authority = Authority(directory, "authority")
        self.other_authority = Authority(directory, "other-authority")
        issues = self.authority.issues
        self.server = issues("server", "serverAuth")
        self.expired = issues("expired-server", "serverAuth", last_day=-1)
        self.not_yet_valid = issues("server-to-be", "serverAuth", first_day=1)
        self.other_host = issues("server-elsewhere", "serverAuth", "DNS:elsewhere.example,IP:127.0.0.2")
        self.self_signed = self.authority.self_signed("self-signed-server", f"subjectAltName={THIS_MACHINE}")
        self.client = issues("client", "clientAuth", "DNS:client.example")
        self.foreign_client = self.other_authority.issues("foreign-client", "clientAuth", "DNS:client.example")
        # What some servers send: the root too, which is as little worth as any other self-signed certificate.
        self.server_with_root = Identity(directory, "server-with-root")
        pathlib.Path(self.server_with_root.certificate).write_text(
            pathlib.Path(self.server.certificate).read_text() + pathlib.Path(self.authority.certificate).read_text())
        pathlib.Path(self.server_with_root.key).write_text(pathlib.Path(self.server.key).read_text())
