"""Certificates of a test's own authority."""
import os
import subprocess

from harness import processes


class Authority:
    def __init__(self, folder):
        self.folder = folder
        # Each certificate contains what its key may be used for and which key signed it. Python 3.13 and other programs refuse certificates
        # without that.
        self._openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca"
                      " -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.crt")
        self.issue("server"), self.issue("client")

    def _openssl(self, arguments):
        subprocess.run(["openssl", *arguments.split()], cwd=self.folder, check=True, capture_output=True)

    def issue(self, name, host="IP:127.0.0.1"):
        with open(f"{self.folder}/san", "w") as f:
            f.write(f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        self._openssl(f"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name}"
                      f" -keyout {name}.key -out {name}.csr")
        self._openssl(f"x509 -req -days 2 -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile san -out {name}.crt")
        user = processes.service_user()
        if user:
            os.chown(f"{self.folder}/{name}.key", user.pw_uid, user.pw_gid)

    def path(self, name):
        return f"{self.folder}/{name}"
